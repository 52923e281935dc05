/** The condition that a record of an operation may still change. */
import { sql } from 'kysely';
import { isFinal, operationStatuses } from '../domain/operations.ts';

const open = operationStatuses.filter((status) => !isFinal(status)).map((status) => sql.lit(status));

/**
 * For the `where` of a query on backups or restores. It is written out, not bound: SQLite and PostgreSQL use
 * the index of unfinished records only when they can read in the query that it applies.
 */
export const unfinished = sql<boolean>`status in (${sql.join(open)})`;
