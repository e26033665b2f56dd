// The level of the microphone as a line of bars that moves while somebody speaks.
const STEP_MS = 60, BAR = 8, GAP = 6;

export class Meter {
  constructor(canvas) {
    this.canvas = canvas;
    this.levels = [];
    this.loudest = 0;
    this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  start(stream) {
    this.levels = [];
    this.loudest = 0;
    this.context = new AudioContext();
    this.node = this.context.createAnalyser();
    this.node.fftSize = 1024;
    this.context.createMediaStreamSource(stream).connect(this.node);
    const samples = new Float32Array(this.node.fftSize);
    this.timer = setInterval(() => {
      if (this.isPaused) return;
      this.node.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
      this.levels.push(Math.min(1, Math.sqrt(power) * 5));
      this.loudest = Math.max(this.loudest, Math.sqrt(power));
      this.draw();
    }, STEP_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.context?.close();
    this.context = null;
  }

  clear() { this.levels = []; this.draw(); }

  draw() {
    const { width, height } = this.canvas, pen = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement), count = Math.floor(width / (BAR + GAP));
    const shown = this.levels.slice(-count);
    pen.clearRect(0, 0, width, height);
    for (let place = 0; place < count; place += 1) {
      const level = shown[place - (count - shown.length)];
      const size = level === undefined ? BAR : Math.max(BAR, level * height);
      pen.fillStyle = style.getPropertyValue(level === undefined ? "--step" : "--accent");
      pen.beginPath();
      pen.roundRect(place * (BAR + GAP) + GAP / 2, (height - size) / 2, BAR, size, BAR / 2);
      pen.fill();
    }
  }
}
