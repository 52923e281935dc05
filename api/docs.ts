/**
 * `/docs`: the API's documentation in a browser, Swagger UI from the files of its package. Everything comes from this
 * server, so that it works in a closed network, and the page may ask this server alone.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { TidemarkError } from '../domain/errors.ts';
import type { ApiEnvironment } from './context.ts';

const require = createRequire(import.meta.url);

/** Where the page and its files are; each without a token. */
export const docsPath = '/docs';

/** Files of the package that the page uses, with their media types. */
const packaged: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Tidemark API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" />
  </head>
  <body>
    <noscript>This page needs JavaScript; /openapi.json has the same without.</noscript>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** No validator: it is a service on the internet, and is sent the document's address. */
const start = `'use strict';
window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  requestSnippetsEnabled: true,
  validatorUrl: 'none',
});
`;

/** Swagger UI sets styles on its elements and draws its arrows from data: addresses; scripts come from files alone. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function mountDocs(app: OpenAPIHono<ApiEnvironment>): void {
  app.get(docsPath, (c) =>
    c.body(page, 200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': contentSecurityPolicy,
    }),
  );
  app.get(`${docsPath}/:file`, async (c) => {
    const file = c.req.param('file');
    if (file === 'start.js') {
      return c.body(start, 200, { 'Content-Type': 'text/javascript; charset=utf-8' });
    }
    if (!Object.hasOwn(packaged, file)) {
      throw new TidemarkError('not_found', `There is nothing at ${c.req.path.slice(0, 250)}.`);
    }
    // They change with the version of the package only; an hour keeps a reload quick.
    return c.body(await packagedFile(file), 200, {
      'Content-Type': packaged[file] ?? '',
      'Cache-Control': 'public, max-age=3600',
    });
  });
}

/** Found as Node finds packages, wherever this one was put. */
async function packagedFile(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const manifest = require.resolve('swagger-ui-dist/package.json');
  return new Uint8Array(await readFile(path.join(path.dirname(manifest), file)));
}
