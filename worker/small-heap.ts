/**
 * Keeps a process small: imported before everything else, so that V8 hears it before its heap grows. Bytes pass through
 * us in buffers outside the heap; a young generation of 2 × 16 MiB a thread would only be garbage that waits longer.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--max-semi-space-size=2');

// For those who let go of much at a time and know when: V8 would wait for 64 MiB of it.
setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc') as NodeJS.GCFunction;
// Not for the contexts that workflows run in.
setFlagsFromString('--no-expose-gc');
