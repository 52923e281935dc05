/** GET /audit: who asked what, when, from where, with what outcome. */
import { operation } from '../operation.ts';
import { auditList, auditQuery } from '../schemas/audit.ts';
import { nothing } from '../schemas/common.ts';
import { auditView } from '../views/audit.ts';
import { pageRequest, pagesCount } from '../views/format.ts';

export const listAudit = operation({
  name: 'listAudit',
  method: 'get',
  path: '/audit',
  summary: 'List the audit',
  description:
    'Every request of the organization that was to change something, and every one that was refused for lack of rights. Other reads are not recorded, nor are requests without valid credentials, which are of no organization: those are in the log.',
  role: 'administrator',
  params: nothing,
  query: auditQuery,
  answer: auditList,
  errors: [],
  async handle({ query, caller }, { catalog }) {
    const { operation: asked, subject, outcome } = query;
    const filter = {
      ...(asked === undefined ? {} : { operation: asked }),
      ...(subject === undefined ? {} : { subject }),
      ...(outcome === undefined ? {} : { outcome }),
    };
    const { items, count } = await catalog.listAudit(caller.organization, filter, pageRequest(query));
    return { entries: items.map(auditView), entries_count: count, pages_count: pagesCount(count, query) };
  },
});
