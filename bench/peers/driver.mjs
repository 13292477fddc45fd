// What the drivers of both peers have in common: the command line, the jobs, the clock and the one line of JSON they answer with.

import { parseArgs } from "node:util";

/** The database that the peer works in. */
export const connectionString = process.env.DATABASE_URL;

/** A name for the jobs of the benchmark: a task of graphile-worker, a queue of pg-boss. */
export const jobName = "bench";

/** How many jobs a driver adds at once while it fills a database. */
const chunk = 10_000;

/** How many jobs run before those that count, so that V8 has compiled what is measured. */
export const warmUpJobs = 5_000;

/** The message of the service's own benchmarks, so that rows are of like size. */
export const payload = () => {
  const user = 1 + Math.floor(Math.random() * 50_000);
  return {
    userId: `user_${user}`,
    agentId: "concierge_agent_456",
    content: "Your intro request has been matched! Reply YES and we set up a time that suits both.",
    conversationId: `conv_${user}`,
  };
};

/** A time of the next eight days, as those for which messages wait in the service's own benchmarks. */
export const later = () => new Date(Date.now() + 3_600_000 + Math.floor(Math.random() * 691_200) * 1000);

/** Milliseconds, comparable between processes of this machine. */
export const now = () => performance.timeOrigin + performance.now();

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Calls `add(count)` until `total` jobs have been added. */
export async function addInChunks(total, add) {
  for (let added = 0; added < total; added += chunk) await add(Math.min(chunk, total - added));
}

/** Waits for `isDone()`, looking as often as it answers. */
export async function until(isDone, pause = 2) {
  while (!(await isDone())) await sleep(pause);
}

/** Keeps `concurrency` calls of `action` on their way, first unmeasured for a second, then measured. Returns calls per second. */
export async function callsPerSecond(concurrency, seconds, action) {
  await callFor(concurrency, 1, action);
  const started = now();
  const calls = await callFor(concurrency, seconds, action);
  return { calls, perSecond: (calls * 1000) / (now() - started) };
}

async function callFor(concurrency, seconds, action) {
  const end = now() + seconds * 1000;
  let calls = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (; now() < end; calls++) await action();
    }),
  );
  return calls;
}

/** Runs the command of the command line and prints what it returns; a failure ends in a message and the exit code 1. */
export async function main(commands) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(["due", "waiting", "connections", "seconds", "size"].map((name) => [name, { type: "string", default: "0" }])),
  });
  const numbers = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
  try {
    console.log(JSON.stringify(await commands[positionals[0]](numbers)));
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}
