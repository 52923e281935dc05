/**
 * What comes in as a follower's report, from whomever: only what the service's agent has signed for this very session, and
 * what is of a report's shape down to the last field, gets into the catalog.
 */
import { z } from 'zod';
import type { SignedReport, ToldReport } from '../../domain/archive/following.ts';
import { isReportOf } from '../../domain/enrolment.ts';
import { workflowIds } from '../../domain/ids.ts';
import { isTextWithin } from '../../domain/operations.ts';
import { reportSchema } from '../../storage/report-schema.ts';
import type { Plane } from './plane.ts';

/** A message of Temporal has 2 MB at most. */
const [mostText, mostSignature] = [4 * 1024 * 1024, 100];

const toldSchema: z.ZodType<ToldReport> = z.object({
  workflowId: z.string(),
  session: z.string(),
  sequence: z.int().min(0),
  report: reportSchema,
});

interface Speaker {
  serviceId: string;
  agentId: string;
  session: string;
  /** The sequence of the last that was taken. */
  after: number;
}

/** @returns those that count, by their sequence; of the others it is logged why they do not */
export async function readReports(
  { catalog, log }: Pick<Plane, 'catalog' | 'log'>,
  reports: readonly unknown[],
  { serviceId, agentId, session, after }: Speaker,
): Promise<ToldReport[]> {
  const agent = await catalog.findAgent(agentId);
  const workflowId = workflowIds.follow(serviceId);
  const taken: ToldReport[] = [];
  for (const signed of reports) {
    const answer = agent
      ? readOne(signed, agent.signingKey)
      : `The agent "${agentId}" is not known. It cannot speak for the service.`;
    if (typeof answer === 'string') {
      log.warn({ service: serviceId, agentId, reason: answer }, 'A report of archived binlogs was refused.');
      continue;
    }
    const last = taken.at(-1)?.sequence ?? after;
    // Of an order that has ended, or said twice: the follower of this one tells what is in the store.
    const own = answer.workflowId === workflowId && answer.session === session && answer.sequence > last;
    if (own) taken.push(answer);
    else log.warn({ service: serviceId, agentId }, 'A report of archived binlogs came too late, or again.');
  }
  return taken;
}

/** @returns what was told, or why it does not count, sentences */
function readOne(signed: unknown, signingKey: string): ToldReport | string {
  if (!isSigned(signed) || !isReportOf(signed, signingKey)) {
    return (
      'It is not signed by the agent of the service. An agent of an earlier version has to be upgraded; anything else ' +
      'has no business here.'
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(signed.report);
  } catch {
    return 'It is not JSON.';
  }
  const { success, data, error } = toldSchema.safeParse(content);
  if (success) return data;
  const [issue] = error.issues;
  return `It is no report: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}.`;
}

function isSigned(signed: unknown): signed is SignedReport {
  if (typeof signed !== 'object' || signed === null) return false;
  const { report, signature } = signed as Partial<SignedReport>;
  return isTextWithin(report, mostText) && isTextWithin(signature, mostSignature);
}
