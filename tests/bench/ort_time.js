// What one image costs in ONNX Runtime, on one thread: the peer of bench_network.
//
//   NODE_PATH=.../node_modules node ort_time.js MODEL.onnx SECONDS BATCH...
//
// Prints bench_network's line for each batch. NODE_PATH holds the package onnxruntime-node.
'use strict';
const ort = require('onnxruntime-node');
const {version} = require('onnxruntime-node/package.json');

const RUNS_MIN = 3;

// Uniform in [-1, 1): a linear congruential generator modulo 2^32 (Numerical Recipes).
function randomFloats(count) {
  const values = new Float32Array(count);
  for (let i = 0, state = 1; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2147483648 - 1;
  }
  return values;
}

function tensor(metadata, batch) {
  const shape = [batch, ...metadata.shape.slice(1)];
  if (metadata.type !== 'float32' || shape.some((side) => !(side > 0))) {
    throw new Error(`input ${metadata.name} is ${metadata.type} [${shape}]`);
  }
  return new ort.Tensor('float32', randomFloats(shape.reduce((a, b) => a * b)), shape);
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function measure(session, seconds, batch) {
  const inputs = {};
  for (const metadata of session.inputMetadata) inputs[metadata.name] = tensor(metadata, batch);
  await session.run(inputs);
  const runs = [];
  const busy = [];
  const begin = performance.now();
  for (let now = begin; runs.length < RUNS_MIN || now - begin < seconds * 1000;) {
    const start = now;
    const before = process.cpuUsage();
    await session.run(inputs);
    const used = process.cpuUsage(before);
    now = performance.now();
    busy.push((used.user + used.system) / 1000);
    runs.push(now - start);
  }
  console.log(`batch ${batch}: ${(median(runs) / batch).toFixed(4)} ms an image, ` +
              `${(median(busy) / batch).toFixed(4)} ms of processor, ${runs.length} runs, ` +
              version);
}

async function main([model, seconds, ...batches]) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  for (const batch of batches) await measure(session, Number(seconds), Number(batch));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`ort_time.js: ${error.message}`);
  process.exit(1);
});
