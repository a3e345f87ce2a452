// Moves the points of the joint embedding from one training step to the next.
(() => {
  const source = document.getElementById("points");
  const stage = document.getElementById("stage");
  if (!source || !stage) return;
  const { tasks, frames } = JSON.parse(source.textContent);
  const slider = document.getElementById("step");
  const play = document.getElementById("play");
  const label = document.getElementById("step-label");
  const thumbs = [...document.querySelectorAll(".thumb")];
  const groups = new Map([...stage.querySelectorAll("g")].map((g) => [g.dataset.task, g]));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let position = frames.length - 1;
  let timer = 0;
  let motion = 0;

  const draw = (at) => {
    const low = Math.floor(at);
    const high = Math.min(low + 1, frames.length - 1);
    const part = at - low;
    const paths = new Map([...groups.keys()].map((t) => [t, ["", "", ""]]));
    tasks.forEach((task, i) => {
      const [a, b, c, d] = frames[low].points[i].map((v, j) => Math.round(v + (frames[high].points[i][j] - v) * part));
      const path = paths.get(task);
      path[0] += `M${a} ${b}L${c} ${d}`;
      path[1] += `M${c - 11} ${d}l11-11 11 11-11 11z`;
      path[2] += `M${a} ${b}h0`;
    });
    for (const [task, [thread, done, watched]] of paths) {
      const group = groups.get(task);
      group.querySelector(".thread").setAttribute("d", thread);
      group.querySelector(".done").setAttribute("d", done);
      group.querySelector(".watched").setAttribute("d", watched);
    }
  };

  const show = (index) => {
    cancelAnimationFrame(motion);
    slider.value = index;
    label.textContent = `step ${frames[index].step}`;
    thumbs.forEach((t, i) => t.setAttribute("aria-pressed", i === index));
    const from = position;
    const start = performance.now();
    const glide = (now) => {
      const x = calm ? 1 : Math.min(1, (now - start) / 750);
      position = from + (index - from) * x * x * (3 - 2 * x);
      draw(Math.max(0, Math.min(position, frames.length - 1)));
      if (x < 1) motion = requestAnimationFrame(glide);
    };
    motion = requestAnimationFrame(glide);
  };

  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  thumbs.forEach((t, i) => t.addEventListener("click", () => { stop(); show(i); }));
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    let index = Number(slider.value);
    if (index === frames.length - 1) index = -1;
    const next = () => { index += 1; show(index); if (index >= frames.length - 1) stop(); };
    play.textContent = "Pause";
    timer = setInterval(next, 1000);
    next();
  });
})();
