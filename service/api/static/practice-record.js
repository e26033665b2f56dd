// Speaking an answer: recorded, listened to, sent, and followed until its words are there.
import { Meter } from "./practice-meter.js";

const QUIET = 0.004; // the loudest moment of a microphone that hears nobody
const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const REFUSED = "The microphone may not be used. Allow it in the browser's address bar, or write your answer below.";
const MISSING = "No microphone was found. Connect one, upload a recording, or write your answer below.";
const READY = "Press the button and speak. One or two minutes are plenty.";
const part = name => document.getElementById(name);
const write = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Recorder {
  constructor(box, token, tell) {
    Object.assign(this, { box, token, tell, seconds: 0, chunks: [], sending: null });
    this.meter = new Meter(part("meter"));
    part("record").addEventListener("click", () => (this.is("recording", "paused") ? this.finish() : this.begin()));
    part("pause").addEventListener("click", () => this.pause());
    part("again").addEventListener("click", () => this.reset());
    part("use").addEventListener("click", () => this.send(this.sound));
    part("upload").addEventListener("change", event => { if (event.target.files.length) this.send(event.target.files[0]); event.target.value = ""; });
    addEventListener("pagehide", () => this.release());
    this.show("idle", READY);
  }

  is(...states) { return states.includes(this.box.dataset.state); }

  show(state, says) {
    this.box.dataset.state = state;
    const live = this.is("recording", "paused"), heard = this.is("recorded");
    part("record").hidden = this.is("recorded", "sending", "done");
    part("record-name").textContent = live ? "Stop recording" : "Record";
    part("pause").hidden = !live;
    part("pause").textContent = state === "paused" ? "Go on" : "Pause";
    part("use").hidden = !heard;
    part("again").hidden = !this.is("recorded", "sending", "done");
    part("again").textContent = state === "sending" ? "Stop" : "Record again";
    part("playback").hidden = !heard && !(state === "done" && this.sound);
    part("sending").hidden = state !== "sending";
    part("extras").hidden = !this.is("idle", "recorded");
    this.say(says);
  }

  say(text, isProblem = false) {
    part("say").textContent = text;
    part("say").className = isProblem ? "say alert" : "say";
  }

  fail(text) { this.reset(); this.say(text, true); }

  async begin() {
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return this.fail("This browser cannot record here: it needs https, or this machine. Upload a recording, or write your answer below.");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
    } catch (error) {
      return this.fail(error.name === "NotFoundError" ? MISSING : REFUSED);
    }
    this.warmUp();
    const mimeType = TYPES.find(type => MediaRecorder.isTypeSupported(type));
    this.chunks = [];
    this.seconds = 0;
    this.media = new MediaRecorder(this.stream, mimeType ? { mimeType } : {});
    this.media.addEventListener("dataavailable", event => this.chunks.push(event.data));
    this.media.addEventListener("stop", () => this.keep());
    this.media.start(1000);
    this.meter.isPaused = false;
    this.meter.start(this.stream);
    this.at = performance.now();
    this.timer = setInterval(() => this.tick(), 200);
    this.show("recording", "Recording. Speak as you would to a person.");
  }

  tick() {
    const now = performance.now();
    if (this.is("recording")) this.seconds += (now - this.at) / 1000;
    this.at = now;
    part("clock").textContent = write(this.seconds);
    if (this.seconds >= Number(this.box.dataset.mostSeconds)) this.finish();
  }

  pause() {
    if (this.is("recording")) { this.media.pause(); this.meter.isPaused = true; return this.show("paused", "Paused. Take your time."); }
    this.media.resume();
    this.meter.isPaused = false;
    this.show("recording", "Recording.");
  }

  finish() {
    if (this.media?.state !== "inactive") this.media.stop();
    this.release();
  }

  release() { // the browser's sign that the microphone is open goes out
    clearInterval(this.timer);
    this.meter.stop();
    this.stream?.getTracks().forEach(track => track.stop());
  }

  keep() {
    const loudest = this.meter.loudest;
    this.sound = new Blob(this.chunks, { type: this.media.mimeType.split(";")[0] });
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(this.sound);
    part("playback").src = this.address;
    this.show("recorded", loudest < QUIET ? "Almost nothing was heard. Listen to it before you use it." : "Listen to it, use it, or say it again.");
    part("use").focus({ preventScroll: true });
  }

  reset() {
    const wasFollowing = this.id;
    this.sending?.abort();
    this.events?.close();
    this.release();
    Object.assign(this, { sound: null, id: null, seconds: 0 });
    if (wasFollowing) this.forget(wasFollowing);
    part("clock").textContent = write(0);
    this.meter.clear();
    this.show("idle", READY);
    part("record").focus({ preventScroll: true });
    this.tell.reset();
  }

  forget(id) { fetch(`${this.box.dataset.url}/${id}`, { method: "DELETE", headers: { "X-CSRF-Token": this.token } }).catch(() => { /* it is deleted with the rest */ }); }

  // Whoever listens is made ready while somebody speaks: the first recording would else wait for it.
  warmUp() {
    if (this.isWarm) return;
    this.isWarm = true;
    fetch(`${this.box.dataset.url}/warm-up`, { method: "POST", headers: { "X-CSRF-Token": this.token } }).catch(() => { this.isWarm = false; });
  }

  send(sound) {
    const { url, rubric, mostBytes } = this.box.dataset;
    if (sound.size > Number(mostBytes)) return this.fail(`This recording has ${Math.ceil(sound.size / 1e6)} MB; at most ${Math.floor(mostBytes / 1e6)} MB are taken.`);
    const request = new XMLHttpRequest(); // fetch does not say how much of a body was sent
    this.sending = request;
    request.open("POST", `${url}?${new URLSearchParams({ rubric, keep: part("keep").checked })}`);
    request.setRequestHeader("Content-Type", sound.type || "audio/x-unknown");
    request.setRequestHeader("X-CSRF-Token", this.token);
    request.responseType = "json";
    request.upload.onprogress = event => { part("sending").value = 0.3 * event.loaded / event.total; };
    request.onload = () => {
      if (request.status === 202) return this.follow(request.response.id);
      this.show(this.sound ? "recorded" : "idle", "");
      this.say(request.response?.detail ?? "The recording was not taken. Try again.", true);
    };
    request.onerror = () => { this.show(this.sound ? "recorded" : "idle", ""); this.say("The connection broke. Your recording is still here: use it again.", true); };
    this.warmUp();
    part("sending").value = 0;
    this.show("sending", "Sending your recording.");
    request.send(sound);
  }

  follow(id) {
    this.id = id;
    this.show("sending", "Listening to your recording.");
    this.tell.sent();
    this.events = new EventSource(`${this.box.dataset.url}/${id}/events`);
    this.events.addEventListener("progress", event => { part("sending").value = 0.3 + 0.7 * JSON.parse(event.data).share; });
    this.events.addEventListener("done", event => this.end(JSON.parse(event.data)));
    this.events.addEventListener("failed", event => { this.events.close(); this.id = null; this.fail(JSON.parse(event.data).problem); });
    this.events.addEventListener("problem", event => { if (JSON.parse(event.data).status !== 503) { this.id = null; this.fail(JSON.parse(event.data).detail); } });
    this.events.onerror = () => {
      this.say("The connection broke. Trying again.");
      if (this.events.readyState === EventSource.CLOSED) setTimeout(() => this.look(id), 1500);
    };
  }

  // A stream also ends when the page is left, or a proxy has a bad moment: only the server knows that it is gone.
  async look(id) {
    if (this.id !== id) return;
    const { status } = await fetch(`${this.box.dataset.url}/${id}`).catch(() => ({ status: 0 }));
    if (this.id !== id) return;
    if (status !== 404) return status === 200 ? this.follow(id) : void setTimeout(() => this.look(id), 1500);
    this.id = null;
    this.fail("Your recording is not on the server any more. Record it again.");
  }

  end(found) {
    this.events.close();
    if (!found.words.length) { const id = this.id; this.id = null; this.forget(id); return this.fail(this.sound ? "No words were heard. Check that the right microphone is chosen, and speak closer to it." : "No words were heard in this recording. Listen to it, and choose another one."); }
    this.show("done", "This is what was heard. Correct it below before it is graded.");
    this.tell.heard(found);
  }
}
