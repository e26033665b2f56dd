// Sends the file that was chosen or dropped, says how far it is, and goes on to how it would be read.
const form = document.getElementById("drop");
if (form) {
  const input = document.getElementById("file"), bar = document.getElementById("drop-progress");
  const state = document.getElementById("drop-state");
  const token = document.querySelector("meta[name=csrf]").content;
  const tell = (text, isProblem = false) => { state.textContent = text; state.className = isProblem ? "alert" : ""; };

  const send = file => {
    if (file.size > Number(form.dataset.most)) return tell("The file is larger than this server takes. Split it.", true);
    // XMLHttpRequest, since fetch does not say how much of a body was sent.
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.url}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", token);
    request.upload.onprogress = event => { bar.value = 100 * event.loaded / event.total; };
    request.onload = () => {
      const found = JSON.parse(request.responseText || "{}");
      if (request.status === 201) return location.assign(`/screening/new?upload=${found.id}`);
      bar.hidden = true;
      tell(found.detail || "The file was not taken. Try again.", true);
    };
    request.onerror = () => { bar.hidden = true; tell("The connection broke. Send the file again.", true); };
    bar.value = 0;
    bar.hidden = false;
    tell(`Sending ${file.name} …`);
    request.send(file);
  };

  input.addEventListener("change", () => { if (input.files.length) send(input.files[0]); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, event => { event.preventDefault(); form.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
  form.addEventListener("drop", event => {
    event.preventDefault();
    const files = event.dataTransfer.files;
    if (files.length > 1) tell("One file at a time, please.", true);
    else if (files.length) send(files[0]);
  });
  form.addEventListener("submit", event => event.preventDefault());
}
