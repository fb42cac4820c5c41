"use strict";
// The page's data: letters, names, width, height, aspect, measures, digits, ranked, times, frames, scores,
// plot: width of a plot, where its axis begins and how long that is;
// files: addresses; pictures: number of the shared time (or the one before), whether it is shared,
// seconds, frames, and one number of a file for each film
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage"), divider = $("divider");
const panes = data.letters.map((letter) => $("pane" + letter));
const GAINS = [1, 2, 4, 8, 16], ZOOMS = [1, 32];
const state = { at: 0, mode: "slider", left: 0, right: 1, split: 50, zoom: 1, x: 0.5, y: 0.5,
                gain: 2 };
window.comparison = state;

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const picture = () => data.pictures[state.at];

// Which films are on the stage, the lower one first
function shown() {
  if (state.mode === "side") return data.letters.map((_, k) => k);
  if (state.mode === "single") return [state.left];
  return [state.left, state.right];
}

function fit(pane) {
  const width = data.width * data.aspect;
  return Math.min(pane.clientWidth / width, pane.clientHeight / data.height);
}

// Image pixels of the screen to one of the picture
const scale = () => fit(panes[shown()[0]]) * state.zoom;

function lay(pane) {
  const image = pane.querySelector("img"), size = fit(pane) * state.zoom;
  const width = data.width * data.aspect * size, height = data.height * size;
  image.style.width = width + "px";
  image.style.height = height + "px";
  image.style.left = pane.clientWidth / 2 - state.x * width + "px";
  image.style.top = pane.clientHeight / 2 - state.y * height + "px";
}

function draw() {
  const now = shown();
  stage.className = state.mode + (scale() > 1.5 ? " sharp" : "");
  panes.forEach((pane, k) => {
    pane.hidden = !now.includes(k);
    pane.classList.toggle("first", now[0] === k);
    pane.classList.toggle("second", now[1] === k && state.mode !== "single");
    pane.style.zIndex = state.mode === "side" ? "" : now.indexOf(k);
    const cut = state.mode === "slider" && now[1] === k && now[0] !== k;
    pane.style.clipPath = cut ? `inset(0 0 0 ${state.split}%)` : "";
    const image = pane.querySelector("img");
    const file = data.files[picture().files[k]];
    if (image.getAttribute("src") !== file) image.src = file;
  });
  panes.forEach((pane) => { if (!pane.hidden) lay(pane); });
  stage.style.filter = state.mode === "difference" ? `brightness(${GAINS[state.gain]})` : "";
  divider.style.left = state.split + "%";
  divider.setAttribute("aria-valuenow", Math.round(state.split));
  tell();
}

function tell() {
  const { number, frames, seconds, shared } = picture();
  const names = data.letters.map((letter, k) => `${letter} ${frames[k]}`).join(", ");
  const scores = data.letters.slice(1).map((letter) => letter + ": " + data.measures.map(
    (name, k) => data.labels[k] + " " + format(data.scores[letter][name][number], k)).join(", "));
  $("where").textContent =
    `${state.at + 1} of ${data.pictures.length}, ${seconds.toFixed(3)} s (frames ${names}). ` +
    (shared ? scores.join("; ") : "Between shared frames: each film shows what it has then.");
  for (const name of ["slider", "difference", "side", "single"])
    $("mode-" + name).setAttribute("aria-pressed", String(state.mode === name));
  $("zoom").textContent = Math.round(scale() * 100) + " %";
  $("gain").textContent = "x" + GAINS[state.gain];
  $("gain").hidden = state.mode !== "difference";
  $("left").value = state.left;
  $("right").value = state.right;
  document.querySelectorAll("svg.plot").forEach((plot) => {
    const x = data.plot[1] + place(seconds) * data.plot[2];
    plot.querySelector(".cursor").setAttribute("x1", x);
    plot.querySelector(".cursor").setAttribute("x2", x);
  });
  document.querySelectorAll("tr[data-number]").forEach((row) =>
    row.classList.toggle("now", shared && Number(row.dataset.number) === number));
}

// Where a time stands on the axis of a plot, 0 to 1
function place(seconds) {
  const first = data.times[0], span = data.times[data.times.length - 1] - first;
  return clamp((seconds - first) / (span || 1), 0, 1);
}

const format = (value, k) => value.toFixed(data.digits[k]);

function go(at) { state.at = clamp(at, 0, data.pictures.length - 1); draw(); }

function mode(name) {
  if (name === "single" && state.mode === "single") {  // once more: the other film
    [state.left, state.right] = [state.right, state.left];
  }
  state.mode = name;
  draw();
}

function single(k) {
  if (k >= data.letters.length) return;
  if (k !== state.left) { state.right = state.left; state.left = k; }
  state.mode = "single";
  draw();
}

// Zoom by a factor; the point of the picture at (x, y) of the pane, in pixels, stays where it is
function zoom(factor, x, y) {
  const pane = panes[shown()[0]], before = scale();
  const most = ZOOMS[1] / Math.min(1, fit(pane));
  state.zoom = clamp(state.zoom * factor, ZOOMS[0], most);
  const after = scale();
  if (x !== undefined) {
    const width = data.width * data.aspect;
    state.x += (x - pane.clientWidth / 2) * (1 / before - 1 / after) / width;
    state.y += (y - pane.clientHeight / 2) * (1 / before - 1 / after) / data.height;
  }
  keep();
}

// The picture never leaves the stage
function keep() {
  if (state.zoom === 1) { state.x = state.y = 0.5; }
  state.x = clamp(state.x, 0, 1);
  state.y = clamp(state.y, 0, 1);
  draw();
}

function whole() { state.zoom = 1; keep(); }
function pixels() { state.zoom = Math.max(1, 1 / fit(panes[shown()[0]])); keep(); }
function split(value) { state.split = clamp(value, 0, 100); draw(); }
function pan(x, y) {
  state.x -= x / scale() / (data.width * data.aspect);
  state.y -= y / scale() / data.height;
  keep();
}

const KEYS = {
  ArrowLeft: () => go(state.at - 1), ArrowRight: () => go(state.at + 1),
  Home: () => go(0), End: () => go(data.pictures.length - 1),
  w: () => go(worst()), s: () => mode("slider"), d: () => mode("difference"),
  b: () => mode("side"), " ": () => mode("single"),
  1: () => single(0), 2: () => single(1), 3: () => single(2),
  "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: whole, p: pixels,
  "[": () => split(state.split - 5), "]": () => split(state.split + 5), g: gain,
};

function gain() { state.gain = (state.gain + 1) % GAINS.length; draw(); }

function worst() {
  const order = data.pictures.map((each, at) => at).filter((at) => data.pictures[at].shared);
  const low = (at) => Math.min(...data.letters.slice(1).map(
    (letter) => data.scores[letter][data.ranked][data.pictures[at].number]));
  return order.sort((a, b) => low(a) - low(b))[0];
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const on = event.target;
  if (on.matches("select, input") || (event.key === " " && on.matches("button, summary"))) return;
  if (on === divider && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
    const to = { ArrowLeft: state.split - 2, ArrowRight: state.split + 2, Home: 0, End: 100 };
    split(to[event.key]);
  } else if (Object.hasOwn(KEYS, event.key)) {
    KEYS[event.key]();
  } else {
    return;
  }
  event.preventDefault();
});

// Dragging moves the divider, or the picture where it is enlarged; two fingers enlarge it
const fingers = new Map();
stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  const free = event.target !== divider;
  stage.dataset.drag = free && state.zoom > 1 ? "pan" : state.mode === "slider" ? "split" : "";
  if (stage.dataset.drag === "split") to(event);
});
stage.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  if (fingers.size === 2) {
    const apart = () => { const [a, b] = [...fingers.values()];
      return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
    const old = apart();
    fingers.set(event.pointerId, event);
    if (old > 0) zoom(apart() / old);
    return;
  }
  if (stage.dataset.drag === "pan")
    pan(event.clientX - before.clientX, event.clientY - before.clientY);
  if (stage.dataset.drag === "split") to(event);
  fingers.set(event.pointerId, event);
});
for (const name of ["pointerup", "pointercancel"])
  stage.addEventListener(name, (event) => fingers.delete(event.pointerId));

function to(event) {
  const box = stage.getBoundingClientRect();
  split((event.clientX - box.left) / box.width * 100);
}

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pane = event.target.closest(".pane") || panes[shown()[0]], box = pane.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

const CLICKS = {
  previous: () => go(state.at - 1), next: () => go(state.at + 1), worst: () => go(worst()),
  "mode-slider": () => mode("slider"), "mode-difference": () => mode("difference"),
  "mode-side": () => mode("side"), "mode-single": () => mode("single"),
  larger: () => zoom(1.5), smaller: () => zoom(1 / 1.5), whole, pixels, gain,
};
for (const [id, action] of Object.entries(CLICKS)) $(id).addEventListener("click", action);
for (const id of ["left", "right"])
  $(id).addEventListener("change", () => { state[id] = Number($(id).value); draw(); });

// The pictured time nearest to a place in a plot
document.querySelectorAll("svg.plot").forEach((plot) => plot.addEventListener("click", (event) => {
  const box = plot.getBoundingClientRect();
  const at = ((event.clientX - box.left) / box.width * data.plot[0] - data.plot[1]) / data.plot[2];
  const far = (each) => Math.abs(place(each.seconds) - at);
  go(data.pictures.reduce((best, each, k) => far(each) < far(data.pictures[best]) ? k : best, 0));
}));

// The table of all frames, a page at a time
const PAGE = 100;
const table = { order: data.times.map((_, k) => k), from: 0, by: null, up: true };
const pictured = new Map();
data.pictures.forEach((each, at) => { if (each.shared) pictured.set(each.number, at); });

function cell(row, text) { row.insertCell().textContent = text; }

function fill() {
  const body = $("rows");
  body.replaceChildren();
  for (const number of table.order.slice(table.from, table.from + PAGE)) {
    const row = body.insertRow();
    row.dataset.number = number;
    cell(row, data.times[number].toFixed(3));
    data.frames[number].forEach((frame) => cell(row, frame));
    for (const letter of data.letters.slice(1))
      data.measures.forEach((name, k) => cell(row, format(data.scores[letter][name][number], k)));
    if (pictured.has(number)) row.className = "pictured";
  }
  const end = Math.min(table.from + PAGE, table.order.length);
  $("range").textContent = `${table.from + 1} to ${end} of ${table.order.length}`;
  tell();
}

$("rows").addEventListener("click", (event) => {
  const row = event.target.closest("tr.pictured");
  if (row) go(pictured.get(Number(row.dataset.number)));
});
$("earlier").addEventListener("click", () => { table.from = Math.max(0, table.from - PAGE); fill(); });
$("later").addEventListener("click", () => {
  if (table.from + PAGE < table.order.length) table.from += PAGE;
  fill();
});
document.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
  const [letter, name] = button.dataset.by.split(" ");
  const key = name ? (k) => data.scores[letter][name][k] : (k) => k;
  table.up = table.by === button.dataset.by ? !table.up : true;
  table.by = button.dataset.by;
  table.order.sort((a, b) => (key(a) - key(b)) * (table.up ? 1 : -1) || a - b);
  table.from = 0;
  fill();
}));

new ResizeObserver(draw).observe(stage);
go(worst());
fill();
