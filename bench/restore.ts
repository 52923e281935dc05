/** `npm run bench -- restore`: a restore from a local folder against the same steps by hand. */
import { rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { RestorePlan } from '../client/answers.ts';
import { bareRestore, oneFile } from './bare.ts';
import { compare, inTurns, medians, timed, type Steps } from './figures.ts';
import { watchServer } from './probe.ts';
import { peakMemory } from './processes.ts';
import { restoreSteps } from './steps.ts';
import {
  backUp,
  type Bench,
  estimateRatios,
  localStore,
  ourProcesses,
  removeReplaced,
  restore,
} from './subject.ts';

export async function benchRestore(bench: Bench): Promise<object> {
  const { stack, service, folder, options, say } = bench;
  say('Taking the backup that is restored …');
  const { id } = await backUp(bench);
  const file = await oneFile(await localStore(bench), id, join(folder, 'bare'));
  const notServing: number[] = [];
  const bareNotServing: number[] = [];
  const oursSteps: Steps[] = [];
  const bareSteps: Steps[] = [];
  const plans: RestorePlan[] = [];
  const ours = async (): Promise<number> => {
    plans.push(await stack.client.planRestore(id, service.service_id));
    const probe = watchServer(service.socket, userInfo().username);
    let restoreId = 0;
    const ms = await timed(async () => (restoreId = await restore(bench, id)));
    oursSteps.push(await restoreSteps(stack.temporalAddress, restoreId));
    notServing.push(Math.round(await probe.stop()));
    await removeReplaced(bench);
    say(
      `  Tidemark ${Math.round(ms)} ms, not serving for ${notServing.at(-1)} ms, estimated ${plans.at(-1)?.estimated_seconds} s`,
    );
    return ms;
  };
  const bare = async (): Promise<number> => {
    const probe = watchServer(service.socket, userInfo().username);
    const ms = await timed(async () => bareSteps.push(await bareRestore(bench, { backup: file })));
    bareNotServing.push(Math.round(await probe.stop()));
    await rm(`${service.data_directory}.replaced`, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms, not serving for ${bareNotServing.at(-1)} ms`);
    return ms;
  };
  const times = await inTurns(options.runs, ours, bare);
  return {
    ...compare(times.ours, times.bare),
    not_serving_ms: notServing,
    bare_not_serving_ms: bareNotServing,
    estimated_s: plans.map(({ estimated_seconds: seconds }) => seconds),
    estimate_ratio: estimateRatios(plans, times.ours),
    ours_steps_ms: medians(oursSteps),
    bare_steps_ms: medians(bareSteps),
    memory_bytes: await peakMemory(ourProcesses(stack)),
  };
}
