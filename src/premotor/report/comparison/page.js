// The map of kept episodes over iterations, and roll-outs side by side. Needs no other file.
"use strict";

// Videos lie in the page as base64 and become files of the browser when they are first needed.
const media = (() => {
  const made = new Map();
  return (key) => {
    if (!made.has(key)) {
      const source = document.getElementById(`media-${key}`);
      if (!source) return "";
      const bytes = Uint8Array.from(atob(source.textContent), (c) => c.charCodeAt(0));
      made.set(key, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
    }
    return made.get(key);
  };
})();

const made = (tag, text = "", name = "") => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  return element;
};

// Paper shows what is folded away.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));

// Roll-outs: both videos on one clock.
const scenes = (() => {
  const select = document.getElementById("film-task");
  const all = [...document.querySelectorAll(".scene")];

  const clock = (scene) => {
    const videos = [...scene.querySelectorAll("video")];
    const player = scene.querySelector(".player");
    if (!player) return { show: () => {} };
    const [both, part] = [player.querySelector(".both"), player.querySelector(".part")];
    const [range, output] = [player.querySelector("input"), player.querySelector("output")];
    const marks = [...player.querySelectorAll(".marks")];
    const seconds = marks.map((m) => (m.dataset.seconds ? m.dataset.seconds.split(" ").map(Number) : []));
    const place = Number(scene.dataset.parting);
    let length = 0;
    let opened = null;
    let frame = 0;

    const known = (video) => new Promise((done) => {
      const over = () => done();
      if (video.readyState > 0) over();
      video.addEventListener("loadedmetadata", over, { once: true });
      video.addEventListener("error", over, { once: true });
    });
    const open = () => {
      opened ??= (async () => {
        videos.forEach((video) => { video.src = media(video.dataset.media); video.hidden = false; video.preload = "auto"; });
        await Promise.all(videos.map(known));
        length = Math.max(0.1, ...videos.map((video) => video.duration || 0));
        marks.forEach((mark, arm) => mark.replaceChildren(...seconds[arm].map((second, i) => {
          const tick = made("i", "", i === place ? "here" : "");
          tick.style.left = `${(100 * Math.min(second, length)) / length}%`;
          return tick;
        })));
      })();
      return opened;
    };
    const at = (second) => {
      videos.forEach((video) => { video.currentTime = Math.min(second, video.duration || 0); });
      range.value = (1000 * second) / length;
      output.textContent = `${second.toFixed(1)} s`;
    };
    const stop = () => { cancelAnimationFrame(frame); videos.forEach((v) => v.pause()); both.textContent = "Play both"; };
    const follow = () => {
      const now = Math.max(...videos.map((v) => v.currentTime));
      range.value = (1000 * now) / length;
      output.textContent = `${now.toFixed(1)} s`;
      if (videos.every((v) => v.paused || v.ended)) stop();
      else frame = requestAnimationFrame(follow);
    };
    both.addEventListener("click", async () => {
      await open();
      if (both.textContent === "Pause") { stop(); return; }
      if (videos.every((v) => v.ended)) at(0);
      both.textContent = "Pause";
      await Promise.all(videos.filter((v) => !v.ended).map((v) => v.play().catch(() => {})));
      follow();
    });
    range.addEventListener("input", async () => { await open(); stop(); at((Number(range.value) / 1000) * length); });
    const parted = async () => {
      await open();
      stop();
      const second = Math.min(...seconds.map((own) => own[place] ?? own[own.length - 1] ?? 0));
      at(second);
    };
    part?.addEventListener("click", parted);
    return { show: part ? parted : open };
  };

  const clocks = new Map(all.map((scene) => [scene.id, clock(scene)]));
  const only = (task) => all.forEach((scene) => scene.classList.toggle("off", task !== "" && scene.dataset.task !== task));
  select?.addEventListener("change", () => only(select.value));
  if (select && select.options.length > 1) { select.value = select.options[1].value; only(select.value); }
  return {
    show(name) {
      const scene = document.getElementById(`scene-${name}`);
      if (!scene) return;
      select.value = scene.dataset.task;
      only(select.value);
      scene.scrollIntoView({ block: "center" });
      clocks.get(scene.id).show();
    },
  };
})();

// The map.
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  if (!data.spaces || !data.spaces.length) return;
  const SVG = "http://www.w3.org/2000/svg";
  const { arms, steps, tasks, colors, episodes, spaces } = data;
  const plots = arms.map((_, arm) => document.getElementById(`map-${arm}`));
  const [slider, play, label] = ["map-step", "map-play", "map-step-label"].map((id) => document.getElementById(id));
  const [pick, legend, told, detail] = ["map-task", "map-legend", "map-told", "map-detail"].map((id) => document.getElementById(id));
  const count = episodes.length;
  const state = { space: 0, step: steps.length - 1, task: -1, chosen: -1 };
  let points = [];
  let rings = [];
  let timer = 0;

  spaces.forEach((space) => {
    const bytes = Uint8Array.from(atob(space.places), (c) => c.charCodeAt(0));
    space.values = new Uint16Array(bytes.buffer);
  });
  const place = (step, arm, side, i) => {
    const space = spaces[state.space];
    const at = 2 * (((step * arms.length + arm) * space.sides + side) * count + i);
    return [(1000 * space.values[at]) / 65535, 1000 - (1000 * space.values[at + 1]) / 65535];
  };
  const shown = (i) => state.task < 0 || episodes[i].task === state.task;
  const visible = () => episodes.map((_, i) => i).filter(shown);

  // Instructions of one task, by variation; many of them share the circle of hues.
  const kinds = () => [...new Set(visible().map((i) => episodes[i].variation))].sort((a, b) => a - b);
  const hue = (place, of) => (of <= colors.length || of <= 12 ? colors[place % colors.length] : `hsl(${(360 * place) / of} 55% 52%)`);
  const color = (i) => {
    if (state.task < 0) return colors[episodes[i].task];
    const own = kinds();
    return hue(own.indexOf(episodes[i].variation), own.length);
  };
  const named = (i) => episodes[i].instruction || `variation ${episodes[i].variation}`;

  const build = () => {
    const { sides } = spaces[state.space];
    points = plots.map((plot) => {
      plot.replaceChildren();
      return Array.from({ length: sides }, (_, side) => episodes.map(() => {
        const path = document.createElementNS(SVG, "path");
        path.setAttribute("d", "M0 0h.01");
        if (side === 1 || spaces[state.space].name.startsWith("e")) path.classList.add("square");
        plot.append(path);
        return path;
      }));
    });
    rings = plots.map((plot) => ["ring", "ring over"].map((name) => Array.from({ length: sides }, () => {
      const ring = document.createElementNS(SVG, "circle");
      ring.setAttribute("class", name);
      ring.setAttribute("visibility", "hidden");
      plot.append(ring);
      return ring;
    })));
  };

  // One task fills the picture: the box of its points over all iterations and both arms.
  const frame = () => {
    let box = [0, 0, 1000];
    if (state.task >= 0) {
      const xs = [], ys = [];
      const { sides } = spaces[state.space];
      for (let step = 0; step < steps.length; step += 1) arms.forEach((_, arm) => { for (let side = 0; side < sides; side += 1) visible().forEach((i) => { const [x, y] = place(step, arm, side, i); xs.push(x); ys.push(y); }); });
      const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      const size = 1.12 * Math.max(right - left, bottom - top, 40);
      box = [(left + right - size) / 2, (top + bottom - size) / 2, size];
    }
    plots.forEach((plot) => plot.setAttribute("viewBox", `${box[0]} ${box[1]} ${box[2]} ${box[2]}`));
    return box[2];
  };
  let width = 1000;

  const mark = (which, i) => rings.forEach((own, arm) => own[which].forEach((ring, side) => {
    ring.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    if (i < 0) return;
    const [x, y] = place(state.step, arm, side, i);
    ring.setAttribute("cx", x); ring.setAttribute("cy", y); ring.setAttribute("r", 0.014 * width);
  }));
  const move = () => {
    points.forEach((own, arm) => own.forEach((all, side) => all.forEach((path, i) => {
      const [x, y] = place(state.step, arm, side, i);
      path.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    })));
    arms.forEach((_, arm) => { document.getElementById(`map-note-${arm}`).textContent = spaces[state.space].notes[state.step][arm]; });
    slider.value = state.step;
    label.textContent = `step ${steps[state.step].toLocaleString("en")}`;
    slider.setAttribute("aria-valuetext", label.textContent);
    mark(0, state.chosen); mark(1, -1);
  };
  const paint = () => {
    const tints = episodes.map((_, i) => color(i));
    points.forEach((own) => own.forEach((all) => all.forEach((path, i) => {
      path.style.setProperty("--c", tints[i]);
      path.classList.toggle("away", !shown(i));
    })));
  };
  const key = (tint, text, act) => {
    const entry = made(act ? "button" : "span");
    if (act) { entry.type = "button"; entry.addEventListener("click", act); }
    const dot = made("i", "", "dot");
    dot.style.setProperty("--c", tint);
    entry.append(dot, text);
    return entry;
  };
  const explain = () => {
    if (state.task < 0) { legend.replaceChildren(...tasks.map((name, i) => key(colors[i], name, () => chooseTask(i)))); return; }
    const back = made("button", "\u2190 all tasks");
    back.type = "button";
    back.addEventListener("click", () => chooseTask(-1));
    const own = kinds();
    const first = (variation) => visible().find((i) => episodes[i].variation === variation);
    legend.replaceChildren(back, ...own.map((variation, at) => key(hue(at, own.length), named(first(variation)))));
  };
  const restart = () => {
    plots.forEach((plot) => plot.classList.add("still"));
    build(); width = frame(); paint(); explain(); move();
    requestAnimationFrame(() => requestAnimationFrame(() => plots.forEach((plot) => plot.classList.remove("still"))));
  };
  const chooseTask = (task) => {
    state.task = task;
    pick.value = task;
    if (state.chosen >= 0 && !shown(state.chosen)) choose(-1);
    restart();
  };

  const film = (title, key, text, tone) => {
    const figure = made("figure", "", tone);
    const caption = made("figcaption");
    caption.append(made("b", title), text ? made("span", text, "tag") : "");
    figure.append(caption);
    if (key) {
      const video = made("video");
      Object.assign(video, { muted: true, loop: true, controls: true, playsInline: true, src: media(key) });
      video.setAttribute("aria-label", title);
      figure.append(video);
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.play().catch(() => {});
    }
    return figure;
  };
  const outcome = (solved) => (solved === true ? "solved" : solved === false ? "failed" : "");
  const choose = (i) => {
    state.chosen = i;
    mark(0, i);
    detail.hidden = i < 0;
    if (i < 0) return;
    const episode = episodes[i];
    const scene = episode.scene && document.getElementById(`scene-${episode.scene}`);
    const head = made("h3", `${tasks[episode.task]} `);
    if (episode.instruction) head.append(made("q", episode.instruction));
    const reels = made("div", "", "reels");
    if (episode.clip) reels.append(film("watched: the expert", episode.clip, "", ""));
    arms.forEach((arm, at) => {
      const take = scene && scene.querySelector(`[data-arm="${CSS.escape(arm)}"] video`);
      const known = outcome(episode.solved[at]);
      if (take) reels.append(film(`done: ${arm}`, take.dataset.media, known, known));
    });
    const ends = arms.map((arm, at) => [arm, outcome(episode.solved[at])]).filter(([, end]) => end);
    const said = ends.length ? `Roll-outs from this start: ${ends.map((e) => e.join(" ")).join(", ")}.` : "No roll-out began here.";
    detail.replaceChildren(head, made("p", `Variation ${episode.variation}${episode.seed < 0 ? "" : `, episode seed ${episode.seed}`}. ${said}`));
    if (reels.childElementCount) detail.append(reels);
    const note = made("p");
    if (scene) {
      const go = made("button", "Both roll-outs side by side");
      go.type = "button";
      go.addEventListener("click", () => scenes.show(episode.scene));
      note.append(go);
    } else {
      note.append("Of this episode u and e are kept, no film. Filmed of this task: ");
      const filmed = episodes.map((_, at) => at).filter((at) => episodes[at].task === episode.task && episodes[at].scene);
      filmed.forEach((at, n) => {
        const go = made("button", named(at));
        go.type = "button";
        go.addEventListener("click", () => choose(at));
        note.append(n ? ", " : "", go);
      });
      note.append(filmed.length ? "." : "none.");
    }
    detail.append(note);
    told.textContent = `${tasks[episode.task]}: ${named(i)}`;
  };

  const nearest = (plot, event, reach) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    const arm = plots.indexOf(plot);
    let [best, least] = [-1, reach * (width / plot.clientWidth)];
    visible().forEach((i) => {
      for (let side = 0; side < spaces[state.space].sides; side += 1) {
        const [x, y] = place(state.step, arm, side, i);
        const far = Math.hypot(x - at.x, y - at.y);
        if (far < least) [best, least] = [i, far];
      }
    });
    return best;
  };
  plots.forEach((plot) => {
    plot.addEventListener("click", (event) => { const i = nearest(plot, event, 24); if (i >= 0) choose(i); });
    plot.addEventListener("pointermove", (event) => {
      const i = nearest(plot, event, 12);
      mark(1, i);
      if (i >= 0) told.textContent = `${tasks[episodes[i].task]}: ${named(i)}`;
    });
    plot.addEventListener("pointerleave", () => mark(1, -1));
    plot.addEventListener("keydown", (event) => {
      const own = visible();
      const here = own.indexOf(state.chosen);
      const next = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here < 0 ? own.length - 1 : here - 1, ArrowUp: here < 0 ? own.length - 1 : here - 1, Home: 0, End: own.length - 1 }[event.key];
      if (event.key === "Escape") choose(-1);
      if (next === undefined) return;
      event.preventDefault();
      choose(own[(next + own.length) % own.length]);
    });
  });

  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  const to = (step) => { state.step = step; move(); };
  slider.addEventListener("input", () => { stop(); to(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    const next = () => { to(state.step === steps.length - 1 ? 0 : state.step + 1); if (state.step === steps.length - 1) stop(); };
    play.textContent = "Pause";
    timer = setInterval(next, 1100);
    next();
  });
  pick.addEventListener("change", () => chooseTask(Number(pick.value)));
  document.querySelectorAll('input[name="space"]').forEach((input) => input.addEventListener("change", () => { state.space = Number(input.value); restart(); }));
  addEventListener("beforeprint", () => plots.forEach((plot) => plot.classList.add("still")));
  restart();
})();
