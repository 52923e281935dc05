/**
 * Keeps a process small: imported before everything else, so that V8 hears it before its heap grows. Bytes pass through
 * us in buffers outside the heap; a young generation of 2 × 16 MiB a thread would only be garbage that waits longer.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--max-semi-space-size=2');
