// One process of graphile-worker, started by graphile-worker.mjs: runs jobs that do nothing and tells how many.

import { run } from "graphile-worker";
import pg from "pg";
import { connectionString, jobName, now, until } from "./driver.mjs";
import { quiet, workerSettings } from "./graphile-settings.mjs";

/** Completions come in batches, in order: when these last jobs are gone, all are. */
const lastJobs = 2_000;

const client = new pg.Client({ connectionString });
await client.connect();

let runner, schema, executed, told, started, last;

const taskList = {
  [jobName]: (_, { job }) => {
    started ??= now();
    last[executed++ % lastJobs] = job.id;
  },
};

process.on("message", async (message) => {
  if (message.start) {
    schema = message.start;
    [executed, told, started, last] = [0, 0, undefined, []];
    runner = await run({
      preset: { worker: { connectionString, schema, ...workerSettings } },
      logger: quiet,
      noHandleSignals: true,
      taskList,
    });
    process.send({ running: true });
  } else if (message.finish) {
    await until(areCompleted);
    const finished = now();
    await runner.stop();
    process.send({ span: { started: started ?? finished, finished: executed ? finished : 0 } });
  }
});

const telling = setInterval(() => {
  if (executed !== told) process.send({ executed: (told = executed) });
}, 5);

process.on("disconnect", () => {
  clearInterval(telling);
  process.exit(0);
});

async function areCompleted() {
  const { rows } = await client.query(`SELECT EXISTS (SELECT FROM ${schema}._private_jobs WHERE id = ANY($1)) AS any_left`, [last]);
  return !rows[0].any_left;
}
