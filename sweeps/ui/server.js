"use strict";
// What the page asks its server for: the sweep's document again and again, all else once.
const Server = (() => {
  // seconds between two questions
  const LEAST = 3, MOST = 30;
  let sweep = new URLSearchParams(location.search).get("sweep"), version = "";

  // Ask for JSON. Returns status (0: no answer), told (what was answered), tag (its ETag), error (text, where it is none).
  async function ask(address, headers = {}) {
    const query = sweep ? `?${new URLSearchParams({ sweep })}` : "";
    const answer = await fetch(address + query, { headers, cache: "no-store" }).catch(() => null);
    if (!answer) return { status: 0, error: Words.say("away") };
    if (answer.status === 304) return { status: 304 };
    // a proxy's answer is no JSON
    const told = await answer.json().catch(() => ({ error: `${answer.status} ${answer.statusText}` }));
    return { status: answer.status, told, tag: answer.headers.get("ETag"), error: told.error };
  }

  // Follow the sweep: take(document) whenever there is another, trouble(error, names of sweeps) after each question.
  async function follow(take, trouble) {
    const began = performance.now();
    const answer = await ask("pareto.json", version ? { "If-None-Match": version } : {});
    // what the page needs to draw is no load of the server's
    const took = performance.now() - began;
    try {
      trouble(answer.error || "", answer.told?.sweeps || []);
      if (answer.status === 200 && !answer.error) {
        // another sweep may start, and then this one is no longer the only one
        sweep = answer.told.sweep;
        await take(answer.told);
        version = answer.tag;
      }
    } finally {
      // a sweep of many thousands leaves the server time for others
      setTimeout(follow, Math.min(1000 * MOST, Math.max(1000 * LEAST, 5 * took)), take, trouble);
    }
  }

  return { ask, follow };
})();
