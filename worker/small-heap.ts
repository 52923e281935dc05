/**
 * Keeps a process small: imported before everything else, so that V8 hears it before its heap grows. Bytes pass through
 * us in buffers outside the heap; a young generation of 2 × 16 MiB a thread would only be garbage that waits longer.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--max-semi-space-size=2');
// The heap grows in small steps, and what loading the code has left is given back: some 25 MiB less for an agent. The
// way of the bytes takes the same time with it.
setFlagsFromString('--optimize-for-size');

// For those who let go of much at a time and know when: V8 would wait for 64 MiB of it.
setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc') as NodeJS.GCFunction;
// Not for the contexts that workflows run in.
setFlagsFromString('--no-expose-gc');
