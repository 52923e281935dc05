/** Archived binlogs: who follows a service, and what was shipped, taken into the catalog. */
import { Context } from '@temporalio/activity';
import { followDecision, followFactsOf } from '../../catalog/follow-decision.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { FollowReport, FollowState, HoleFacts } from '../../domain/archive/facts.ts';
import { decideFollowing, joinReports, requireFollowed } from '../../domain/archive/following.ts';
import { holds } from '../../domain/archive/stretches.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { binlogSettingsOf, orderedEncryption } from '../../domain/service-settings.ts';
import { forGood, pause } from '../failures.ts';
import { wakeFollower } from '../../temporal/start.ts';
import { settleBreaksSoon } from './breaks.ts';
import type { ControlActivities } from './contract.ts';
import { readReports } from './follow-reports.ts';
import type { Plane } from './plane.ts';

type ArchiveActivities = Pick<
  ControlActivities,
  'planFollowing' | 'recordArchive' | 'chooseRange' | 'awaitArchived' | 'tellFollowing' | 'endFollowing'
>;

const servicesAtOnce = 500;
/** How often it is looked whether the catalog has what was shipped. */
const pollMs = 250;
/** How long that may take: the agent tells of what it ships as soon as it is in the store. */
const longestWaitMs = 10 * 60_000;

export function archiveActivities(plane: Plane): ArchiveActivities {
  const { catalog, defaults } = plane;
  return {
    async planFollowing({ serviceId }) {
      const service = await catalog.findService(serviceId);
      if (!service) return { verdict: 'none', reason: `There is no service "${serviceId}".`, off: false };
      const { decision, start, settings } = await followDecision(plane, service);
      await catalog.updateFollowing(serviceId, { order: decision.order, message: '' });
      if (decision.verdict !== 'follow') return decision;
      const { agentId, order } = decision;
      return {
        verdict: 'follow',
        agentId,
        order,
        leftOut: (await openLeftOut(plane, serviceId)) !== undefined,
        input: {
          serviceId,
          workflowId: workflowIds.follow(serviceId),
          deploymentId: await catalog.deploymentId(),
          intervalMs: binlogSettingsOf(settings, defaults).intervalMs,
          encryption: orderedEncryption(settings, defaults),
          start,
        },
      };
    },

    async recordArchive({ serviceId, agentId, session, after, reports, endLeftOut }) {
      const told = await readReports(plane, reports, { serviceId, agentId, session, after });
      const [first, ...others] = told.map(({ report }) => report);
      if (!first) return { sequence: after, segments: 0 };
      const report = others.reduce(joinReports, first);
      const { segments } = report;
      const state = await takeReport(plane, serviceId, report);
      if (endLeftOut && segments.length > 0) await closeLeftOut(plane, serviceId, report);
      const last = segments.at(-1);
      return {
        sequence: told.at(-1)!.sequence,
        segments: segments.length,
        ...(last && { lastSegment: `${last.file}/${last.start}-${last.end}` }),
        state,
      };
    },

    async chooseRange({ backupId }) {
      const backup = await catalog.findBackup(backupId);
      if (!backup) throw new TidemarkError('backup_not_found', `There is no backup "${backupId}".`);
      const { serviceId, organization } = backup;
      const service = await catalog.findService(serviceId);
      if (!service) throw new TidemarkError('service_not_found', `There is no service "${serviceId}".`);
      const { decision, start } = await followDecision(plane, service);
      requireFollowed(decision, serviceId);
      const newest = { page: 1, pageSize: 1, order: 'desc' } as const;
      const before = { serviceId, type: 'binarylog', status: 'Succeeded' } as const;
      const { items } = await catalog.listBackups(organization, before, newest);
      const { binlog, timeline } = items[0] ?? {};
      return { full: start, ...(binlog && timeline !== undefined && { previous: { ...binlog, timeline } }) };
    },

    async awaitArchived({ serviceId, reached }) {
      for (const deadline = Date.now() + longestWaitMs; ;) {
        if (await isRecorded(plane, serviceId, reached)) return;
        const service = await catalog.findService(serviceId);
        if (!service) throw new TidemarkError('service_not_found', `There is no service "${serviceId}".`);
        // Nobody tells any more what was shipped.
        requireFollowed((await followDecision(plane, service)).decision, serviceId);
        if (Date.now() > deadline) throw forGood(notRecorded(reached));
        Context.current().heartbeat();
        await pause(pollMs);
      }
    },

    async tellFollowing({ serviceId, message }) {
      await catalog.updateFollowing(serviceId, { message });
    },

    async endFollowing({ serviceId, reason, off }) {
      if (!(await catalog.findService(serviceId))) return;
      if (off) await leaveOut(plane, serviceId, reason);
      await catalog.updateFollowing(serviceId, { order: '', message: reason });
    },
  };
}

/** @returns where the follower stands */
async function takeReport(plane: Plane, serviceId: string, report: FollowReport): Promise<FollowState> {
  const { catalog } = plane;
  const { timelines, holes } = report;
  const { state, lagSeconds } = await catalog.recordArchive(serviceId, report, { alarm: true });
  const message = state.trouble;
  const lag = lagSeconds !== undefined && { at: Date.parse(state.lookedAt), seconds: lagSeconds };
  await catalog.updateFollowing(serviceId, { message, ...(lag && { lag }) });
  if (timelines.length + holes.length > 0) await settleBreaksSoon(plane, serviceId);
  return state;
}

/** Whether the catalog has the segments up to there, wherever the follower stands by now. */
async function isRecorded(
  { catalog }: Plane,
  serviceId: string,
  { timeline, archived }: FollowState,
): Promise<boolean> {
  const { stretches } = await catalog.archiveFacts(serviceId);
  return stretches.some((stretch) => stretch.timeline === timeline && holds(stretch, archived));
}

function notRecorded({ archived: { file, position } }: FollowState): TidemarkError {
  return new TidemarkError(
    'archive_stalled',
    `The binlog is shipped up to ${file}:${position}, and nothing of that came to the catalog within ` +
      `${longestWaitMs / 60_000} minutes: see the service's workflow "follow" in Temporal's web UI.`,
  );
}

async function stateOf({ catalog }: Plane, serviceId: string): Promise<FollowState | undefined> {
  return (await catalog.findFollowState([serviceId])).get(serviceId);
}

/** From here on nothing is archived, by the settings; where nothing is archived yet, nothing is missing. */
async function leaveOut(plane: Plane, serviceId: string, reason: string): Promise<void> {
  const state = await stateOf(plane, serviceId);
  if (!state || (await openLeftOut(plane, serviceId))) return;
  const now = new Date().toISOString();
  const hole: HoleFacts = {
    timeline: state.timeline,
    from: state.archived,
    fromTime: state.archivedTime ?? state.lookedAt,
    cause: 'left_out',
    message: reason,
    foundAt: now,
  };
  await plane.catalog.recordArchive(serviceId, reportOf(state, hole));
}

/** Where archiving was switched off and has not begun again. */
async function openLeftOut({ catalog }: Plane, serviceId: string): Promise<HoleFacts | undefined> {
  const { holes } = await catalog.archiveFacts(serviceId);
  return holes.find(({ cause, to }) => cause === 'left_out' && to === undefined);
}

/** What the server still had is archived from where it was left; what it had not is another hole. */
async function closeLeftOut(plane: Plane, serviceId: string, report: FollowReport): Promise<void> {
  const hole = await openLeftOut(plane, serviceId);
  const [first] = report.segments;
  if (!hole || !first) return;
  const to = { file: first.file, position: first.start, gtid: first.gtidBefore };
  const toTime = first.sampledFrom ?? first.firstEventAt ?? hole.fromTime;
  await plane.catalog.recordArchive(serviceId, reportOf(report.state, { ...hole, to, toTime }));
}

function reportOf(state: FollowState, hole: HoleFacts): FollowReport {
  return { timelines: [], segments: [], joined: [], holes: [hole], state };
}

/** A full has succeeded: from here on the binlog is followed. What cannot be begun now, the reconciler begins. */
export async function beginFollowing(plane: Plane, serviceId: string): Promise<void> {
  try {
    const service = await plane.catalog.findService(serviceId);
    if (service) await wakeWhereOrdered(plane, service, '');
  } catch (error) {
    plane.log.warn(
      { service: serviceId, reason: messageOf(error) },
      'Following its binlog is begun a little later.',
    );
  }
}

/**
 * Sees that every service is followed as it should be: one whose agent or settings have changed, one whose workflow was
 * ended from outside, and one whose first full nobody told of.
 *
 * @param attempt as in the reconciliation: one that fails stops no other
 * @returns how many workflows were begun, or told of another order
 */
export async function settleFollowers(
  plane: Plane,
  attempt: (what: string, work: () => Promise<void>) => Promise<void>,
  gone: (serviceId: string) => boolean,
): Promise<number> {
  const { catalog, defaults } = plane;
  let woken = 0;
  for (let after = ''; ;) {
    const page = await catalog.followCandidates(after, servicesAtOnce);
    for (const { service, settings, order } of page) {
      const { serviceId } = service;
      // What was never followed, and cannot be, is most of what there is where archiving is off.
      const choice = decideFollowing({ ...followFactsOf(service, settings, defaults), begun: true });
      if (choice.order === order && (order === '' || !gone(serviceId))) continue;
      await attempt(workflowIds.follow(serviceId), async () => {
        if (await wakeWhereOrdered(plane, service, gone(serviceId) ? undefined : order)) woken += 1;
      });
    }
    const last = page.at(-1);
    if (!last) return woken;
    after = last.service.serviceId;
  }
}

/** The services whose following goes on, as far as Temporal can list it. */
export async function openFollowers({ client }: Plane): Promise<Set<string>> {
  const open = new Set<string>();
  const query = "WorkflowType = 'follow' AND ExecutionStatus = 'Running'";
  for await (const { workflowId } of client.workflow.list({ query })) open.add(workflowId);
  return open;
}

/** @param order what its workflow was told last; undefined where there is none. @returns whether it has to hear of another */
async function wakeWhereOrdered(
  plane: Plane,
  service: ServiceRecord,
  order: string | undefined,
): Promise<boolean> {
  const { decision } = await followDecision(plane, service);
  if (decision.order === (order ?? '')) return false;
  const { serviceId } = service;
  await wakeFollower(plane.client, { serviceId, timings: plane.timings });
  return true;
}
