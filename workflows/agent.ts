/**
 * The long life of an agent: it signals what it and its server are, and each time the service is brought up to date.
 * Whether the two see the same store is proven in both directions before the service is accepted.
 *
 * Anybody who reaches Temporal can signal here. What an announcement is worth is decided by an activity, which checks
 * its signature; the answer is kept under that signature, so that nobody else's stands in its place.
 */
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  log,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostControlActivities } from '../activities/host/contract.ts';
import type { Registration, SignedAnnouncement } from '../domain/operations.ts';
import { workflowIds } from '../domain/ids.ts';
import { announcementLimits, defaultTimings, isTextWithin } from '../domain/operations.ts';
import { agentProxies, type ControlPlane, controlPlaneOf } from './agents.ts';
import { findingOf } from './failures.ts';
import { hostPing } from './profiles.ts';

/** So many announcements may wait for their answers; of more, the oldest are dropped. */
const mostWaiting = 20;
const mostAnswers = 20;

const refused = { accepted: false, revoked: false, finishing: false, lastSequence: 0 };
const tooLong =
  `The announcement is too long: ${announcementLimits.announcement} characters are taken. ` +
  "Shorten the labels in the agent's settings.";

const announceSignal = defineSignal<[SignedAnnouncement]>('announce');
/** An agent was revoked: what it does is called off, and it is told. */
const dismissSignal = defineSignal<[{ agentId: string }]>('dismiss');
const registrationQuery = defineQuery<Registration | undefined, [string]>('registration');

export async function agent(carried: Registration[] = []): Promise<void> {
  const { control } = controlPlaneOf(defaultTimings);
  const waiting: SignedAnnouncement[] = [];
  const dismissed: string[] = [];
  // An earlier version carried one alone.
  const answers = Array.isArray(carried) ? carried : [];
  // What comes in is nobody's word yet: it must not be able to make this workflow fail.
  setHandler(announceSignal, (announcement: SignedAnnouncement | null | undefined) => {
    if (typeof announcement !== 'object' || announcement === null) return;
    if (isTooLong(announcement) && patched('limits-of-announcements')) {
      log.warn('An announcement was refused: it is too long.');
      keep(answers, { signature: announcement.signature, ...refused, reason: tooLong });
      return;
    }
    waiting.push(announcement);
    if (waiting.length > mostWaiting) waiting.shift();
  });
  setHandler(dismissSignal, (order: { agentId: string } | null | undefined) => {
    const agentId = order?.agentId;
    // From outside an agent is dismissed in its own workflow alone.
    if (typeof agentId !== 'string' || workflowIds.agent(agentId) !== workflowInfo().workflowId) return;
    if (!dismissed.includes(agentId) && dismissed.length < mostWaiting) dismissed.push(agentId);
  });
  setHandler(registrationQuery, (signature) => answers.find((answer) => answer.signature === signature));
  for (;;) {
    await condition(() => waiting.length > 0 || dismissed.length > 0);
    for (const announcement of waiting.splice(0)) {
      keep(answers, await register(control, announcement, dismissed));
    }
    for (const agentId of dismissed.splice(0)) await dismiss(control, agentId);
    if (workflowInfo().continueAsNewSuggested && waiting.length === 0 && dismissed.length === 0)
      await continueAsNew<typeof agent>(answers);
  }
}

/** What is no text at all is for the activity to refuse. */
function isTooLong(signed: SignedAnnouncement): boolean {
  return (['announcement', 'signature', 'proof'] as const).some((part) => {
    const text: unknown = signed[part];
    return typeof text === 'string' && text.length > announcementLimits[part];
  });
}

function keep(answers: Registration[], answer: Registration): void {
  // Without a signature there is nothing by which the answer could be asked for.
  if (!isTextWithin(answer.signature, announcementLimits.signature)) return;
  answers.push({ ...answer, reason: answer.reason.slice(0, announcementLimits.reason) });
  if (answers.length > mostAnswers) answers.shift();
}

async function register(
  control: ControlPlane['control'],
  announcement: SignedAnnouncement,
  dismissals: string[],
): Promise<Registration> {
  const { signature } = announcement;
  try {
    const { agentId, probe, dismissed = [], ...answer } = await control.registerService(announcement);
    dismissals.push(...dismissed);
    if (answer.accepted) await agentProxies(agentId, defaultTimings).control.confirmStore({ probe });
    return { signature, ...answer };
  } catch (error) {
    return { signature, ...refused, reason: findingOf(error).message };
  }
}

/** The agent ends what it does by itself. One that does not answer is not waited for: its host may be no more. */
async function dismiss(control: ControlPlane['control'], agentId: string): Promise<void> {
  await control.endOrders({ agentId });
  try {
    await proxyActivities<HostControlActivities>(hostPing(agentId, 5_000)).announceNow();
  } catch (error) {
    if (findingOf(error).code === 'agent_unavailable') await control.abandonOrders({ agentId });
  }
}
