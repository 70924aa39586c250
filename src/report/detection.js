// The sounds of a recording are decoded when one of them is played first.
const sounds = new Map();
function soundsOf(recording) {
  if (!sounds.has(recording)) sounds.set(recording, JSON.parse(document.getElementById("sounds-" + recording).textContent));
  return sounds.get(recording);
}

document.addEventListener("click", (click) => {
  const button = click.target.closest("button[data-event]");
  if (!button) return;
  const { recording, event } = button.dataset, of = soundsOf(recording);
  const same = document.querySelectorAll(`button[data-recording="${recording}"][data-event="${event}"]`);
  for (const other of document.querySelectorAll(".playing")) other.classList.remove("playing");
  const heard = play(of.sounds[event], of.rate);
  for (const one of same) one.classList.add("playing");
  heard.addEventListener("ended", () => {
    if (playing === heard) for (const one of same) one.classList.remove("playing");
  });
});

for (const list of document.querySelectorAll(".list")) {
  const body = list.querySelector("tbody"), orders = list.querySelector(".orders");
  orders.hidden = false;
  orders.addEventListener("click", (click) => {
    const chosen = click.target.closest("button");
    if (!chosen) return;
    const { by, sign } = chosen.dataset, place = (row) => Number(sign) * Number(row.dataset[by]);
    body.append(...[...body.rows].sort((a, b) => place(a) - place(b)));
    for (const button of orders.querySelectorAll("button")) button.setAttribute("aria-pressed", button === chosen);
  });
}
