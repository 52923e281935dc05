/** POST /agents: lets an agent in, with a token that is shown once. */
import type { AgentRecord } from '../../catalog/agent-types.ts';
import { issueEnrolment } from '../enrolments.ts';
import { operation } from '../operation.ts';
import { enrolment, enrolmentRequest, type EnrolmentView } from '../schemas/agent.ts';
import { nothing } from '../schemas/common.ts';
import { agentView } from '../views/agent.ts';

export const createAgent = operation({
  name: 'createAgent',
  method: 'post',
  path: '/agents',
  summary: 'Enrol an agent',
  description:
    'Makes a token for the agent of one service, which need not be there yet. It is good once, within a day, and shown in this answer alone: put it into the file that `enrolment_token_file` of the agent names. Where the service has an agent already, `take_over: true` is needed; when the token is used, the orders of the first agent stop.',
  role: 'administrator',
  params: nothing,
  query: nothing,
  body: enrolmentRequest,
  answer: enrolment,
  errors: ['service_not_found', 'agent_enrolled'],
  async handle({ body, caller, receipt }, { catalog }) {
    const view = (record: AgentRecord, token: string): EnrolmentView => ({
      ...agentView(record, Date.now()),
      token,
    });
    const request = {
      organization: caller.organization,
      serviceId: body.service_id,
      takeOver: body.take_over,
      ...(body.expires_at !== undefined && { expiresAt: body.expires_at }),
      createdBy: caller.subject,
    };
    const { enrolment: record, token } = await issueEnrolment(catalog, request, (issued) =>
      receipt((made) => view(made, issued)),
    );
    return view(record, token);
  },
});
