// Drives graphile-worker: fills a database, adds jobs one by one or a thousand at once, and drains it with two processes.

import { fork } from "node:child_process";
import { makeWorkerUtils } from "graphile-worker";
import pg from "pg";
import { addInChunks, callsPerSecond, connectionString, jobName, later, main, payload, warmUpJobs } from "./driver.mjs";
import { quiet, warmUpSchema } from "./graphile-settings.mjs";

const processes = 2;

/** Seconds from the first job's start until the last one's completion is in the database. */
async function drainWith(workers, schema, jobs) {
  await Promise.all(workers.map((worker) => worker.start(schema)));
  while (workers.reduce((sum, worker) => sum + worker.executed, 0) < jobs) await Promise.race(workers.map((worker) => worker.next("executed")));
  const spans = await Promise.all(workers.map((worker) => worker.finish()));
  return (Math.max(...spans.map((span) => span.finished)) - Math.min(...spans.map((span) => span.started))) / 1000;
}

/** A worker in a process of its own. */
class WorkerProcess {
  executed = 0;
  #child = fork(new URL("graphile-process.mjs", import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });

  constructor() {
    this.#child.setMaxListeners(0);
    this.#child.on("message", (message) => (this.executed = message.executed ?? this.executed));
    this.#child.on("exit", (code) => {
      if (code) {
        console.error(`A worker ended with the exit code ${code}.`);
        process.exit(1);
      }
    });
  }

  next(kind) {
    return new Promise((resolve) => {
      const listener = (message) => {
        if (!(kind in message)) return;
        this.#child.off("message", listener);
        resolve(message[kind]);
      };
      this.#child.on("message", listener);
    });
  }

  start(schema) {
    this.executed = 0;
    this.#child.send({ start: schema });
    return this.next("running");
  }

  finish() {
    this.#child.send({ finish: true });
    return this.next("span");
  }

  end() {
    this.#child.disconnect();
  }
}

function specs(count, runAt) {
  return Array.from({ length: count }, () => ({ identifier: jobName, payload: payload(), runAt: runAt?.() }));
}

async function add(utils, count, runAt) {
  await addInChunks(count, (size) => utils.addJobs(specs(size, runAt)));
}

async function withUtils(use, { connections = 4, schema = "graphile_worker" } = {}) {
  const utils = await makeWorkerUtils({ connectionString, schema, maxPoolSize: connections, logger: quiet });
  try {
    await utils.migrate();
    return await use(utils);
  } finally {
    await utils.release();
  }
}

await main({
  async prepare({ due, waiting }) {
    await withUtils(async (utils) => {
      await add(utils, due);
      await add(utils, waiting, later);
    });
    return { due, waiting };
  },

  async enqueue({ connections, seconds }) {
    return withUtils(
      async (utils) => ({ rate: (await callsPerSecond(connections, seconds, () => utils.addJob(jobName, payload()))).perSecond }),
      { connections },
    );
  },

  async "enqueue-many"({ connections, seconds, size }) {
    return withUtils(
      async (utils) => ({
        rate: size * (await callsPerSecond(connections, seconds, () => utils.addJobs(specs(size)))).perSecond,
      }),
      { connections },
    );
  },

  async drain({ due, waiting }) {
    await withUtils((utils) => add(utils, warmUpJobs), { schema: warmUpSchema });
    const workers = Array.from({ length: processes }, () => new WorkerProcess());
    await drainWith(workers, warmUpSchema, warmUpJobs);
    const seconds = await drainWith(workers, "graphile_worker", due);
    workers.forEach((worker) => worker.end());

    const client = new pg.Client({ connectionString });
    await client.connect();
    const left = Number((await client.query("SELECT count(*) FROM graphile_worker._private_jobs")).rows[0].count);
    await client.end();
    if (left !== waiting) throw new Error(`${left} jobs left instead of ${waiting}: the figure would mean nothing.`);
    return { rate: due / seconds, seconds };
  },
});
