// Photos are sent as jobs, a few at a time: a browser opens no more than six connections to a
// server, and each job that goes on holds one.
const JOBS_AT_ONCE = 3;
// What a form adds to its files.
const MAX_BYTES = Number(document.body.dataset.maxBody) * 0.95;

const $ = (id) => document.getElementById(id);
const waiting = [];
let running = 0;

$("wanted").addEventListener("submit", (event) => event.preventDefault());

$("files").addEventListener("change", () => {
  take($("files").files);
  $("files").value = "";
});

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take(event.dataTransfer.files);
});

function take(files) {
  if (!$("wanted").reportValidity()) return;
  const wanted = ["width", "height", "format"]
    .map((name) => [name, $(name).value])
    .filter(([, value]) => value);
  let job;
  for (const file of files) {
    if (!job || job.bytes + file.size > MAX_BYTES) {
      job = { wanted, bytes: 0, images: [] };
      waiting.push(job);
    }
    job.bytes += file.size;
    job.images.push(addImage(file));
  }
  summarize();
  for (; running < JOBS_AT_ONCE && waiting.length; running++) work();
}

async function work() {
  while (waiting.length) {
    const job = waiting.shift();
    try {
      const { id } = await send(job);
      await follow(id, job);
    } catch (error) {
      for (const image of job.images) {
        if (image.state !== "done") show(image, { state: "failed", error: error.message });
      }
    }
  }
  running--;
}

// By XMLHttpRequest, since fetch tells nothing of how far an upload is.
function send(job) {
  const form = new FormData();
  for (const [name, value] of job.wanted) form.append(name, value);
  for (const { file } of job.images) form.append("image", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/jobs");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => {
      for (const image of job.images) image.progress.value = loaded / total;
    };
    request.onload = () => {
      if (request.status === 202) resolve(request.response);
      else reject(new Error(request.response?.error ?? `the answer is ${request.status}`));
    };
    request.onerror = () => reject(new Error("the service cannot be reached"));
    request.send(form);
  });
}

function follow(id, job) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(`/jobs/${id}/events`);
    events.onmessage = (event) => {
      const { images, finished } = JSON.parse(event.data);
      images.forEach((image, position) => show(job.images[position], image));
      if (finished) {
        events.close();
        resolve();
      }
    };
    events.onerror = () => {
      // It connects again by itself, unless the service refuses.
      if (events.readyState === EventSource.CLOSED) reject(new Error("the job cannot be followed"));
    };
  });
}

function addImage(file) {
  const item = $("image").content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector(name);
  const image = {
    file,
    item,
    name: file.name,
    link: part(".preview"),
    picture: part("img"),
    text: part(".state"),
    progress: part("progress"),
    download: part(".download"),
  };
  part(".name").textContent = file.name;
  image.original = URL.createObjectURL(file);
  image.picture.src = image.original;
  image.picture.onerror = () => image.picture.removeAttribute("src");
  image.progress.setAttribute("aria-label", `Progress of ${file.name}`);
  show(image, { state: "uploading" });
  $("images").prepend(item);
  return image;
}

function show(image, { state, error, warning, result, width, height, format, bytes }) {
  if (image.state === state) return;
  image.state = image.item.dataset.state = state;
  image.text.textContent = {
    uploading: "uploading",
    queued: "waiting",
    processing: "resizing",
    failed: error,
    done: `${width} × ${height}, ${format?.toUpperCase()}, ${size(bytes)}${warning ? ` (${warning})` : ""}`,
  }[state];
  const ended = state === "done" || state === "failed";
  image.progress.hidden = ended;
  if (state === "uploading") image.progress.value = 0;
  else image.progress.removeAttribute("value");
  if (ended) image.file = null;
  if (state === "done") {
    URL.revokeObjectURL(image.original);
    image.picture.src = image.link.href = image.download.href = result;
    image.picture.alt = `${image.name}, resized`;
    image.download.download = `${image.name.replace(/\.\w+$/, "")}-${width}x${height}.${format === "jpeg" ? "jpg" : format}`;
    image.download.hidden = false;
  }
  summarize();
}

function summarize() {
  const items = [...$("images").children];
  const count = (state) => items.filter((item) => item.dataset.state === state).length;
  const failed = count("failed");
  $("summary").textContent = items.length
    ? `${count("done")} of ${items.length} done${failed ? `, ${failed} failed` : ""}`
    : "";
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
