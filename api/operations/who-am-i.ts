/** GET /whoami: what the api takes the credentials of this request for. */
import { z } from '@hono/zod-openapi';
import { roles } from '../../domain/operations.ts';
import { credentialKinds } from '../auth/caller.ts';
import { operation } from '../operation.ts';
import { instant, nothing } from '../schemas/common.ts';
import { wholeSeconds } from '../views/format.ts';

const identity = z
  .strictObject({
    subject: z.string().openapi({ description: 'Who it is, as the credentials say' }),
    organization: z.string(),
    role: z.enum(roles),
    how: z.enum(credentialKinds).openapi({ description: 'What kind of credentials came' }),
    expires_at: instant.optional().openapi({ description: 'When they end; left out when they do not' }),
  })
  .openapi('Identity');

export const whoAmI = operation({
  name: 'whoAmI',
  method: 'get',
  path: '/whoami',
  summary: 'Tell whose credentials these are',
  role: 'viewer',
  params: nothing,
  query: nothing,
  answer: identity,
  errors: [],
  async handle({ caller: { subject, organization, role, how, expiresAt } }) {
    return {
      subject,
      organization,
      role,
      how,
      ...(expiresAt === undefined ? {} : { expires_at: wholeSeconds(expiresAt) }),
    };
  },
});
