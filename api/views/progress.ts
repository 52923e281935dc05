/** Progress, from the domain's figures to the contract's. */
import type { z } from '@hono/zod-openapi';
import type { Progress } from '../../domain/progress.ts';
import type { progress } from '../schemas/common.ts';

export function progressView(value: Progress): z.infer<typeof progress> {
  return {
    phase: value.phase,
    percent: Math.floor(value.percent),
    bytes_done: value.bytesDone,
    bytes_total: value.bytesTotal,
    bytes_per_second: Math.round(value.bytesPerSecond),
    eta_seconds: Math.ceil(value.etaSeconds),
  };
}
