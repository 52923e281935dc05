/**
 * The long life of an agent: it signals what it and its server are, and each time the service is brought up to date.
 * Whether the two see the same store is proven in both directions before the service is accepted.
 */
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import type { Announcement } from '../domain/operations.ts';
import { defaultTimings } from '../domain/operations.ts';
import { agentProxies, controlPlaneOf } from './agents.ts';
import { findingOf } from './failures.ts';
import { hostPing } from './profiles.ts';

/** The answer to the query `registration`. */
export interface Registration {
  /** `announcedAt` of the announcement that this is about. */
  announcedAt: string;
  accepted: boolean;
  /** Why not; empty when accepted. */
  reason: string;
}

const announceSignal = defineSignal<[Announcement]>('announce');
const registrationQuery = defineQuery<Registration | undefined>('registration');

export async function agent(carried?: Registration): Promise<void> {
  let latest: Announcement | undefined;
  let registration = carried;
  setHandler(announceSignal, (announcement) => {
    latest = announcement;
  });
  setHandler(registrationQuery, () => registration);
  for (;;) {
    await condition(() => latest !== undefined);
    if (latest !== undefined) {
      const announcement = latest;
      latest = undefined;
      registration = { announcedAt: announcement.announcedAt, ...(await register(announcement)) };
    }
    if (workflowInfo().continueAsNewSuggested && latest === undefined)
      await continueAsNew<typeof agent>(registration);
  }
}

async function register(announcement: Announcement): Promise<{ accepted: boolean; reason: string }> {
  const { control } = controlPlaneOf(defaultTimings);
  try {
    let answer = await control.registerService(announcement);
    if (answer.rival !== '' && !(await answers(answer.rival))) {
      answer = await control.registerService({ ...announcement, silentRival: answer.rival });
    }
    if (!answer.accepted) return { accepted: false, reason: answer.reason };
    const { control: host } = agentProxies(announcement.agentId, defaultTimings);
    await host.confirmStore({ probe: answer.probe });
    return { accepted: true, reason: '' };
  } catch (error) {
    return { accepted: false, reason: findingOf(error).message };
  }
}

/** A host that was replaced is not there to hand its service over: an agent that is silent for 15 s, longer
 * than a restart takes, has lost it. */
async function answers(agentId: string): Promise<boolean> {
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      await proxyActivities<HostControlActivities>(hostPing(agentId, 5_000)).ping();
      return true;
    } catch (error) {
      if (findingOf(error).code !== 'agent_unavailable') throw error;
    }
  }
  return false;
}
