// A short tour of Tercet: kernels, a pipeline of programs, and a program with its streams live.
//
//     npm install && node client.mjs localhost:50050

import { connect, explain, int64s } from "./tercet.mjs";

const { compute, executor } = connect(process.argv[2] ?? "localhost:50050");

async function kernels() {
  const { kernels, threads } = await compute.call("ListKernels", {});
  console.log(`kernels, on ${threads} threads:`);
  for (const { name, help } of kernels) console.log(`  ${name}: ${help}`);
}

async function fibonacci(n) {
  const parameters = { n: { integer: n } };
  const { outputs, timing } = await compute.call("Run", { kernel: "fibonacci", parameters });
  const seconds = Number(timing.running.seconds) + timing.running.nanos / 1e9;
  const [output] = Object.values(outputs);
  console.log(`fibonacci(${n}) = ${int64s(output)[0]} in ${seconds.toFixed(3)} s`);
}

async function processes(lines) {
  const stages = [
    { program: "ps", arguments: { style: "aux" } },
    { program: "head", arguments: { lines: String(lines) } },
  ];
  const { stdout, stages: results } = await executor.call("Run", { stages });
  console.log(`ps aux | head -${lines}:`);
  process.stdout.write(stdout);
  for (const { program, outcome } of results) console.log(`  ${program}: ${outcome.result}`);
}

async function firstLine() {
  const call = executor.Spawn();
  const ended = new Promise((resolve, reject) => call.on("end", resolve).on("error", reject));
  call.on("data", (response) => {
    const value = response[response.event];
    if (response.event === "started") console.log(`head runs, pid ${value.pid}`);
    if (response.event === "stdout") process.stdout.write(value);
    if (response.event === "exited") console.log(`head: ${value.result}`);
  });
  call.write({ start: { stage: { program: "head", arguments: { lines: "1" } } } });
  call.write({ stdin: Buffer.from("one\ntwo\n") });
  // Half-closing the call ends the program's input.
  call.end();
  await ended;
}

try {
  await kernels();
  await fibonacci(30);
  await processes(5);
  await firstLine();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
} finally {
  compute.close();
  executor.close();
}
