/** The app: every operation behind the same edge, which limits, identifies, authenticates, logs and measures. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { requestId } from 'hono/request-id';
import { TidemarkError } from '../domain/errors.ts';
import { answerError } from './answer-error.ts';
import { type Authenticate, subjectKey } from './auth/caller.ts';
import { limitedBody } from './body.ts';
import { clientAddress, limitedAs } from './client-address.ts';
import type { ApiEnvironment, ApiLog, Parts } from './context.ts';
import { docsPath, mountDocs } from './docs.ts';
import { EventStream } from './event-stream.ts';
import { mountHealth } from './health.ts';
import { type ApiMetrics, createMetrics } from './metrics.ts';
import { accepts2024, basePath, basePaths, mediaType2024, wants2024 } from './generations.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations/index.ts';
import { rateLimit } from './rate-limit.ts';
import { inRequest } from './request-log.ts';
import { secured } from './security-headers.ts';

export { basePath };

/** What stands outside the base paths. */
const fixedPaths = ['/healthz', '/readyz', '/metrics', '/openapi.json', docsPath];

/** Whoever watches the api must see it also when it is asked too much. */
const unlimited = new Set(['/healthz', '/metrics']);

/** Whom the edge believes, and how often it lets somebody ask. */
export interface EdgeOptions {
  authenticate: Authenticate;
  /** Addresses and networks of proxies, whose X-Forwarded-For is believed. */
  trustedProxies?: readonly string[];
  /** Requests a minute; 0 or left out: no limit. */
  limits?: { subject: number; address: number };
}

/** @example createHttpServer(createApp({ catalog, orders, progress, keyRing, authenticate, log }).fetch, log, 60_000) */
export function createApp(parts: Parts & EdgeOptions): OpenAPIHono<ApiEnvironment> {
  const { log, authenticate, trustedProxies = [], limits = { subject: 0, address: 0 } } = parts;
  const bySubject = rateLimit(limits.subject, 'These credentials');
  const metrics = createMetrics();
  // Not strict: a trailing slash is served as without.
  const app = new OpenAPIHono<ApiEnvironment>({ strict: false });
  app.use(requestId({ limitLength: 100 }));
  app.use(async (c, next) => inRequest(c.get('requestId'), next));
  app.use(secured());
  app.use(watch(metrics, log));
  app.use(limitAddresses(clientAddress(trustedProxies), limits.address));
  app.use(limitedBody());
  app.onError((error, c) => answerError(c, error, log));
  app.notFound((c) =>
    answerError(c, new TidemarkError('not_found', `There is nothing at ${c.req.path.slice(0, 250)}.`), log),
  );
  mountHealth(app, parts, metrics);
  mountDocs(app);
  refuseOtherMethods(app, fixedPaths, () => ['GET']);

  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
  });
  for (const route of operations.flatMap(({ routes }) => routes)) app.openAPIRegistry.registerPath(route);
  for (const operation of staticFirst(operations)) {
    const paths = basePaths.map((base) => base + operation.path);
    for (const path of paths) {
      app.on(operation.method, routePath(path), async (c) => {
        c.set('route', path);
        const caller = await authenticate({
          authorization: c.req.header('authorization'),
          apiKey: c.req.header('x-api-key'),
        });
        c.set('caller', caller.subject);
        c.set('organization', caller.organization);
        bySubject.take(subjectKey(caller));
        const { answer, replayed } = await operation.answer(c, caller, parts);
        if (replayed) c.header('Idempotent-Replayed', 'true');
        return answerWith(c, operation, answer);
      });
    }
    const served = operations.filter(({ path: other }) => other === operation.path);
    if (operation !== served.at(-1)) continue;
    refuseOtherMethods(app, paths, () => served.map(({ method }) => method.toUpperCase()));
  }
  return app;
}

/** The answer in the shape that the client's generation has. */
function answerWith(c: Context<ApiEnvironment>, operation: Operation, answer: object | undefined): Response {
  if (answer === undefined) return c.body(null, 200);
  if (answer instanceof EventStream) return answer.answer(c);
  if (!operation.in2024) return c.json(answer);
  c.header('Vary', 'Accept', { append: true });
  if (!wants2024(c)) return c.json(answer);
  const type = accepts2024(c) ? mediaType2024 : 'application/json';
  return c.json(operation.in2024(answer), 200, { 'Content-Type': type });
}

/** A fixed segment wins over a parameter, whatever the method: `schedules` is never a service. */
function staticFirst(all: readonly Operation[]): Operation[] {
  const parameters = ({ path }: Operation): number => path.split('{').length;
  return all.toSorted((a, b) => parameters(a) - parameters(b));
}

/** `/backups/{id}` → `/backups/:id` */
function routePath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function refuseOtherMethods(app: OpenAPIHono<ApiEnvironment>, paths: string[], served: () => string[]): void {
  const allowed = served().flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  for (const path of paths) {
    app.all(routePath(path), (c) => {
      c.header('Allow', allowed.join(', '));
      throw new TidemarkError(
        'method_not_allowed',
        `${c.req.method.slice(0, 20)} is not served at this path; ${allowed.join(' and ')} ${allowed.length === 1 ? 'is' : 'are'}.`,
      );
    });
  }
}

/** Before anything is looked at, the credentials included: guessing them is asking, too. */
function limitAddresses(
  addressOf: ReturnType<typeof clientAddress>,
  perMinute: number,
): MiddlewareHandler<ApiEnvironment> {
  const byAddress = rateLimit(perMinute, 'Requests from this address');
  return async (c, next) => {
    const address = addressOf(c.env?.incoming?.socket?.remoteAddress, c.req.header('x-forwarded-for'));
    c.set('address', address);
    if (!unlimited.has(c.req.path)) byAddress.take(limitedAs(address));
    await next();
  };
}

/** One line and one measurement for each request; neither has its token, query or body. */
function watch(metrics: ApiMetrics, log: ApiLog): MiddlewareHandler<ApiEnvironment> {
  return async (c, next) => {
    const begin = performance.now();
    await next();
    const milliseconds = Math.round(performance.now() - begin);
    const route = c.get('route') ?? fixedRoute(c);
    metrics.observe({
      method: c.req.method,
      route,
      status: c.res.status,
      seconds: milliseconds / 1000,
    });
    log.info(
      {
        request_id: c.get('requestId'),
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        milliseconds,
        address: c.get('address'),
        organization: c.get('organization'),
        caller: c.get('caller'),
      },
      'request',
    );
  };
}

/** Paths without parameters stand for themselves, the rest for "other". */
function fixedRoute(c: Context): string {
  return fixedPaths.includes(c.req.path) ? c.req.path : 'other';
}
