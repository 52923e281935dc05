/** What stands outside the base path and needs no token: is it alive, is it ready, its metrics, its description. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { type ErrorItem, messageOf, TidemarkError } from '../domain/errors.ts';
import type { ApiEnvironment, Parts } from './context.ts';
import { basePath2024, mediaType2024 } from './generations.ts';
import type { ApiMetrics } from './metrics.ts';

const description = `Backs MariaDB servers up and brings them back. Speaks the API of the SkySQL Backup Service.

Put your token in with *Authorize*; it goes to this server only. Every operation is also served below \`${basePath2024}\`, where restores are bare arrays, as clients of 2024 know them; \`Accept: ${mediaType2024}\` does the same here. Every answer that is no success is the error object.`;

export function mountHealth(app: OpenAPIHono<ApiEnvironment>, parts: Parts, metrics: ApiMetrics): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    await ensureReady(parts);
    const since = await parts.catalog.unconfirmedSince();
    // For whoever filled the catalog from a store: it serves, and deletes nothing.
    return c.json({ status: 'ready', ...(since !== undefined && { unconfirmed_since: since }) });
  });
  app.get('/metrics', async (c) =>
    c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }),
  );
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Tidemark',
      version: '0.1.0',
      description,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    tags: [
      { name: 'backups', description: 'What was taken, and the schedules that take it' },
      { name: 'restores', description: 'Bringing a backup back' },
      { name: 'services', description: 'The servers that are managed' },
    ],
  });
}

/** @throws temporal_unavailable or catalog_unavailable, with both in its items when both are away */
async function ensureReady({ catalog, orders }: Parts): Promise<void> {
  const results = await Promise.allSettled([orders.ensureReachable(), catalog.ping()]);
  const findings = results.flatMap((result): ErrorItem[] =>
    result.status === 'fulfilled' ? [] : itemsOf(result.reason),
  );
  const [first] = findings;
  if (first) throw new TidemarkError(first.error, first.message, { items: findings });
}

function itemsOf(reason: unknown): ErrorItem[] {
  return reason instanceof TidemarkError
    ? [...reason.items]
    : [{ error: 'internal', message: messageOf(reason) }];
}
