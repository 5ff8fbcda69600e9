// The cursor on the timeline and the dot on the plane follow the sound; a click goes to its place.
(() => {
  let running = 0;
  const parsed = new WeakMap();

  function parts(audio) {
    const pictures = audio.closest(".result")?.querySelector(".pictures[data-places]");
    if (!pictures) return null;
    if (!parsed.has(pictures)) parsed.set(pictures, JSON.parse(pictures.dataset.places));
    return { pictures, places: parsed.get(pictures) };
  }

  // Where a time lies among the windows: the one before, and how far on the way to the next.
  function between(times, t) {
    let low = 0;
    let high = times.length - 1;
    if (t <= times[0]) return [0, 0];
    if (t >= times[high]) return [high, 0];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle;
      else high = middle;
    }
    return [low, (t - times[low]) / (times[high] - times[low])];
  }

  function clock(seconds) {
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  function show(audio) {
    const found = parts(audio);
    if (!found) return;
    const { pictures, places } = found;
    const t = Math.min(audio.currentTime, places.duration);
    const at = places.first + ((places.last - places.first) * t) / places.duration;
    const cursor = pictures.querySelector(".cursor");
    cursor.style.left = `${100 * at}%`;
    cursor.style.visibility = "visible";
    const timeline = pictures.querySelector(".timeline");
    if (!audio.paused && timeline.scrollWidth > timeline.clientWidth) {
      timeline.scrollLeft = at * timeline.scrollWidth - timeline.clientWidth / 2;
    }
    if (!places.times.length) return;
    const [i, share] = between(places.times, t);
    const next = Math.min(i + 1, places.times.length - 1);
    const dot = pictures.querySelector(".dot");
    dot.style.left = `${100 * (places.x[i] + share * (places.x[next] - places.x[i]))}%`;
    dot.style.top = `${100 * (places.y[i] + share * (places.y[next] - places.y[i]))}%`;
    dot.style.visibility = "visible";
    const words = places.words[share < 0.5 ? i : next];
    pictures.querySelector(".now").textContent = `${clock(t)}  ${words}`;
  }

  function follow(audio) {
    cancelAnimationFrame(running);
    const step = () => {
      show(audio);
      if (!audio.paused && audio.isConnected) running = requestAnimationFrame(step);
    };
    step();
  }

  // Events of media do not rise, but can be caught on the way down.
  for (const name of ["play", "seeked", "timeupdate"]) {
    document.addEventListener(
      name,
      (event) => {
        if (!(event.target instanceof HTMLAudioElement)) return;
        if (name === "play") follow(event.target);
        else show(event.target);
      },
      true
    );
  }
  document.addEventListener("click", (event) => {
    const frame = event.target.closest?.(".timeline .frame");
    const audio = frame?.closest(".result")?.querySelector("audio");
    if (!audio) return;
    const { places } = parts(audio);
    const box = frame.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const t = ((share - places.first) / (places.last - places.first)) * places.duration;
    audio.currentTime = Math.max(0, Math.min(t, audio.duration || 0));
    show(audio);
  });
})();
