#!/usr/bin/env node
/**
 * The program's entry: asserts the Node version, then hands over to commands/program.ts.
 *
 * This file must run on any old Node, so that a sentence can be printed there instead of a stack trace. So it is plain
 * JavaScript, and CommonJS by the package.json beside it: an old Node that knows no `.ts` reads it as that.
 */
const needed = 26;
const found = Number(process.versions.node.split('.')[0]);

// Half of a start is turning TypeScript into what Node runs; what was made of a file once is kept beside the packages.
// Where that folder cannot be written, Node goes on without.
const compileCache = `${__dirname}/../node_modules/.cache/tradehall`;

// Of a long-running start, docs/decisions/0015: what V8 and the C library read before any code runs.
const allocator = { MALLOC_MMAP_THRESHOLD_: '131072' };
const heap = [
  '--max-semi-space-size=16',
  '--heap-growing-percent=100',
  '--concurrent-marking-max-worker-num=1',
  '--expose-gc',
];
const onAnotherHeap = process.argv[2] === 'start' && heap.some((flag) => !process.execArgv.includes(flag));

if (found < needed) {
  process.stderr.write(
    `Tradehall needs Node ${needed} or newer, and this is Node ${process.versions.node}.\n` +
      'On Linux, and on Windows and macOS with an x64 processor, `npm ci` has brought the right one along: start with\n' +
      '`npm start`, or `npx tradehall <command>`. Elsewhere install Node 26 from https://nodejs.org first.\n',
  );
  process.exit(2);
} else if (onAnotherHeap && process.platform !== 'win32' && process.execve !== undefined) {
  // The same process begins again with these flags, before whatever flags it was given. Windows has no such call.
  process.execve(
    process.execPath,
    [process.execPath, ...heap, ...process.execArgv, ...process.argv.slice(1)],
    // house: allow environment — handed on whole, and nothing of it read. Named here, the cache has this file in it too.
    { ...allocator, NODE_COMPILE_CACHE: compileCache, ...process.env },
  );
} else {
  // Clients of servers wait on threads of this pool, whose four would be one broker's silence away from standing still.
  // It must be said before the first use of the pool.
  // house: allow environment — libuv reads it and nothing else, and nobody can say it later
  const { env } = process;
  env['UV_THREADPOOL_SIZE'] = env['UV_THREADPOOL_SIZE'] || '16';
  import('node:module')
    .then((module) => module.enableCompileCache(compileCache))
    .then(() => import('../commands/program.ts'))
    .then((program) => program.main(process.argv))
    .catch((error) => {
      process.stderr.write(`tradehall: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(70);
    });
}
