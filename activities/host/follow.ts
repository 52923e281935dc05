/** Following the binlog: the follower on the host, and what Temporal hears of it. */
import { Context } from '@temporalio/activity';
import type { FollowReport } from '../../domain/archive/facts.ts';
import { isNews } from '../../domain/archive/following.ts';
import { joinedEncryption, requireRecipients } from '../../domain/encryption.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { Follower } from '../../mariadb/follow/follower.ts';
import { openArchive } from '../../storage/segments.ts';
import { ownStore } from './bucket.ts';
import type { HostFollowActivities, HostFollowInput } from './contract.ts';
import type { Host } from './host.ts';

const beatMs = 1_000;
/** A message to Temporal has at most so many segments: it must stay under 2 MB. */
const segmentsAtOnce = 500;
/** How often a follower that has nothing to ship says where it stands. Each report is some ten events of a history. */
const idleReportMs = 60_000;

export function followActivities(host: Host): HostFollowActivities {
  return {
    async followBinlog(order) {
      const session = sessionOf(order);
      const context = Context.current();
      const beat = (): void => context.heartbeat(host.following.state);
      beat();
      const timer = setInterval(beat, beatMs);
      try {
        const { settings, log } = host;
        const encryption = joinedEncryption(settings.backup, order.encryption);
        requireRecipients(encryption, order.serviceId);
        const teller = new Teller(host, order.workflowId, session);
        return await host.following.follow(
          (signal) =>
            new Follower({
              server: settings.server,
              archive: openArchive(ownStore(host, order), order.serviceId),
              serviceId: order.serviceId,
              agentId: host.agentId,
              recipients: encryption.recipients,
              stateDirectory: settings.state_directory,
              intervalMs: order.intervalMs,
              settings: settings.binlog,
              log,
              start: order.start,
              signal,
            }),
          async (report) => teller.tell(report),
          context.cancellationSignal,
        );
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/**
 * What is reported of an order without a session is taken by nobody. The workflow that gave it orders anew once it is
 * refused.
 *
 * @throws order_outdated
 */
function sessionOf({ session }: HostFollowInput): string {
  if (session !== undefined && session !== '') return session;
  throw new TidemarkError(
    'order_outdated',
    'The order to follow the binlog is of a control worker of an earlier version, which nothing can be reported to. ' +
      'It is ordered anew within 5 minutes; if this comes again, upgrade the control workers.',
  );
}

/**
 * Says what a follower reports: each report that has news, and now and then where it stands. What Temporal does not take
 * is told again by the follower.
 */
class Teller {
  readonly #host: Host;
  readonly #workflowId: string;
  readonly #session: string;
  /** A later attempt begins behind all of this one. */
  #sequence = Context.current().info.attempt * 2 ** 32;
  #toldAt = 0;
  #trouble: string | undefined;

  constructor(host: Host, workflowId: string, session: string) {
    this.#host = host;
    this.#workflowId = workflowId;
    this.#session = session;
  }

  async tell(report: FollowReport): Promise<void> {
    const { trouble } = report.state;
    const due = Date.now() - this.#toldAt >= idleReportMs;
    if (!isNews(report) && !due && trouble === this.#trouble) return;
    const [workflowId, session] = [this.#workflowId, this.#session];
    for (const piece of piecesOf(report)) {
      const told = { workflowId, session, sequence: (this.#sequence += 1), report: piece };
      await this.#host.signal(workflowId, 'report', this.#host.signReport(told));
    }
    this.#toldAt = Date.now();
    this.#trouble = trouble;
  }
}

function piecesOf(report: FollowReport): FollowReport[] {
  const { segments, joined } = report;
  if (segments.length + joined.length <= segmentsAtOnce) return [report];
  const pieces: FollowReport[] = [];
  const none = { timelines: [], segments: [], joined: [], holes: [], state: report.state };
  pieces.push({ ...none, timelines: report.timelines });
  for (let from = 0; from < segments.length; from += segmentsAtOnce)
    pieces.push({ ...none, segments: segments.slice(from, from + segmentsAtOnce) });
  for (let from = 0; from < joined.length; from += segmentsAtOnce)
    pieces.push({ ...none, joined: joined.slice(from, from + segmentsAtOnce) });
  return [...pieces, { ...none, holes: report.holes }];
}
