"use strict";
// The clips of a run are kept once, in the first run that has them; `exhibits` names it.
const runs = new Map();
function clipsOf(id) {
  if (!runs.has(id)) runs.set(id, JSON.parse(document.getElementById("clips-" + id).textContent));
  return runs.get(id);
}

// IMA ADPCM, as src/report/adpcm.rs writes it.
const STEPS = [7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97,
  107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060,
  1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845,
  8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767];
const MOVES = [-1, -1, -1, -1, 2, 4, 6, 8];
function decode(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  let value = ((bytes[0] | (bytes[1] << 8)) << 16) >> 16, index = bytes[2];
  const samples = new Float32Array(1 + 2 * (bytes.length - 4));
  samples[0] = value / 32768;
  for (let i = 1; i < samples.length; i++) {
    const byte = bytes[4 + ((i - 1) >> 1)], code = i % 2 ? byte & 15 : byte >> 4;
    const step = STEPS[index];
    let change = step >> 3;
    if (code & 4) change += step;
    if (code & 2) change += step >> 1;
    if (code & 1) change += step >> 2;
    value = Math.max(-32768, Math.min(32767, code & 8 ? value - change : value + change));
    index = Math.max(0, Math.min(88, index + MOVES[code & 7]));
    samples[i] = value / 32768;
  }
  return samples;
}

let audio, playing;
function play(sound, rate) {
  audio = audio || new AudioContext();
  audio.resume();
  if (playing) playing.stop();
  const samples = decode(sound), buffer = audio.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  playing = audio.createBufferSource();
  playing.buffer = buffer;
  playing.connect(audio.destination);
  playing.start();
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show(id, clip) {
  const run = clipsOf(id), shown = clipsOf(run.exhibits);
  const truth = run.classes[run.truth[clip]], predicted = run.classes[run.predicted[clip]];
  const verdict = predicted === undefined ? "not scored" : truth === predicted ? "rightly predicted" : `taken for ${predicted}`;
  const text = element("div", {}, element("p", {}, element("b", { textContent: truth }), ", " + verdict),
    element("p", { className: "soft small", textContent: run.names[clip] }));
  const parts = [text];
  if (shown.pictures[clip]) parts.unshift(element("img", { className: "sonogram", src: shown.pictures[clip], alt: "spectrogram" }));
  if (shown.sounds[clip]) parts.push(element("button", { className: "play", type: "button", textContent: "hear it", onclick: () => play(shown.sounds[clip], run.rate) }));
  document.getElementById("clip-" + id).replaceChildren(...parts);
  for (const map of document.querySelectorAll(`.map[data-clips="${id}"]`)) {
    const [x, y] = run.maps[map.dataset.map][clip];
    let here = map.querySelector(".here");
    if (!here) map.append((here = element("span", { className: "here" })));
    here.style.left = 3 + 0.094 * x + "%";
    here.style.top = 3 + 0.094 * y + "%";
  }
}

for (const map of document.querySelectorAll(".map")) {
  const id = map.dataset.clips;
  let chosen = null;
  const nearest = (event) => {
    const box = map.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width - 0.03) * 1000 / 0.94, y = ((event.clientY - box.top) / box.height - 0.03) * 1000 / 0.94;
    let best = null, least = 30 * 30;
    clipsOf(id).maps[map.dataset.map].forEach(([a, b], clip) => {
      const squared = (a - x) ** 2 + (b - y) ** 2;
      if (squared < least) [best, least] = [clip, squared];
    });
    return best;
  };
  const choose = (clip) => {
    if (clip !== null && clip !== chosen) show(id, (chosen = clip));
  };
  map.addEventListener("pointermove", (event) => choose(nearest(event)));
  map.addEventListener("click", (event) => {
    const clip = nearest(event), run = clipsOf(id);
    if (clip === null) return;
    show(id, clip);
    const sound = clipsOf(run.exhibits).sounds[clip];
    if (sound) play(sound, run.rate);
  });
}
for (const button of document.querySelectorAll("button.play[data-clip]")) {
  button.addEventListener("click", () => {
    const run = clipsOf(button.dataset.clips), clip = Number(button.dataset.clip);
    show(button.dataset.clips, clip);
    play(clipsOf(run.exhibits).sounds[clip], run.rate);
  });
}
