/** Agents and their enrolment, additions of ours. */
import { z } from '@hono/zod-openapi';
import { isServiceId } from '../../domain/ids.ts';
import { instant, oneOf, paging, serviceFilter, text } from './common.ts';

const states = ['pending', 'enrolled', 'revoked'] as const;

const fields = {
  id: z.string().openapi({ description: 'Of the enrolment' }),
  agent_id: z.string().optional().openapi({ description: "The agent's own, once it has used its token" }),
  service_id: z.string(),
  state: z.enum(states).openapi({
    description: 'pending: its token waits for it; enrolled: it may work; revoked: it may not any more',
  }),
  message: z.string(),
  take_over: z.boolean(),
  hostname: z.string(),
  version: z.string(),
  alive: z.boolean().openapi({ description: 'Whether it announced itself in the last 11 minutes' }),
  created_at: instant,
  created_by: z.string(),
  expires_at: instant
    .optional()
    .openapi({ description: 'Until when its token is good; only while it is pending' }),
  enrolled_at: instant.optional(),
  last_seen_at: instant.optional(),
  revoked_at: instant.optional(),
};

export const agent = z.strictObject(fields).openapi('Agent');

export const agentList = z
  .strictObject({ agents: z.array(agent), agents_count: z.int(), pages_count: z.int() })
  .openapi('AgentList');

export const agentListQuery = z.strictObject({
  ...paging,
  service_id: serviceFilter,
  state: oneOf(states).optional(),
});

export const enrolment = z
  .strictObject({
    ...fields,
    token: z
      .string()
      .openapi({ description: 'Shown this once: for the file that enrolment_token_file names' }),
  })
  .openapi('Enrolment');

const serviceName = 'a service id: letters, digits, ".", "_" and "-", at most 100';

export const enrolmentRequest = z
  .strictObject({
    service_id: z
      .string({ error: serviceName })
      .refine(isServiceId, serviceName)
      .openapi({ example: 'dbtgf28044362', description: 'The service_id in the settings of the agent' }),
    take_over: z.boolean({ error: 'true or false' }).default(false).openapi({
      description:
        'Whether the agent may take the service over from the one that has it, whose orders then stop',
    }),
    expires_at: z.iso
      .datetime({ offset: true, error: 'a time such as 2024-03-26T17:18:57Z' })
      .optional()
      .openapi({ description: 'Until when the token is good: within 24 hours, which is the default' }),
  })
  .openapi('EnrolmentRequest');

export const agentPath = z.strictObject({ id: text('the id of an agent or of an enrolment') });

export type AgentView = z.infer<typeof agent>;
export type EnrolmentView = z.infer<typeof enrolment>;
