"use strict";
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
  return playing;
}
