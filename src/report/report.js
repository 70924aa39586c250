// The clips of a run are kept once, in the first run that has them; `exhibits` names it.
const runs = new Map();
function clipsOf(id) {
  if (!runs.has(id)) runs.set(id, JSON.parse(document.getElementById("clips-" + id).textContent));
  return runs.get(id);
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
