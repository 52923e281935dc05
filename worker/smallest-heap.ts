/** For a process through which no bytes pass: it may also trade speed for a smaller heap. */
import { setFlagsFromString } from 'node:v8';
import './small-heap.ts';

setFlagsFromString('--optimize-for-size');
