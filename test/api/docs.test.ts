/** `/docs`: its files, and the page in a browser. */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHttpServer } from '../../api/http-server.ts';
import { browserProgram, openPage, type Page } from '../support/browser.ts';
import { testIf } from '../support/skip.ts';
import { type Harness, openApi, serviceRecord, tokens } from './harness.ts';

let api: Harness;
let server: ReturnType<typeof createHttpServer>;
let origin: string;

beforeAll(async () => {
  api = await openApi('away');
  await api.catalog.upsertService(serviceRecord());
  server = createHttpServer(api.fetch, api.logger, 60_000).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
});

describe('the files', () => {
  test.each([
    ['/docs', 'text/html'],
    ['/docs/', 'text/html'],
    ['/docs/swagger-ui.css', 'text/css'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
    ['/docs/start.js', 'text/javascript'],
  ])('%s is there without a token', async (path, type) => {
    const { status, headers, text } = await api.askRaw('GET', path, { token: '' });
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining(type)]);
    expect(text.length).toBeGreaterThan(100);
  });

  test.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/constructor', '/docs/a/b'])(
    '%s is not',
    async (path) => {
      expect((await api.askRaw('GET', path, { token: '' })).status).toBe(404);
    },
  );

  test('the page runs scripts from files alone and asks this server alone', async () => {
    const { headers, text } = await api.askRaw('GET', '/docs', { token: '' });
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self';");
    expect(text).not.toMatch(/<script>|https?:/);
  });
});

describe('in a browser', () => {
  const testInBrowser = testIf(browserProgram !== undefined, 'no Chromium on this machine');

  const clickText = async (page: Page, selector: string, text: string): Promise<void> => {
    const found = `[...document.querySelectorAll('${selector}')].find((one) => one.textContent.trim().includes('${text}'))`;
    await page.until(found);
    await page.evaluate(`${found}.click()`);
  };
  const path = '/skybackup/v1/services';
  const operation = `[...document.querySelectorAll('.opblock-get')].find((one) => one.querySelector('.opblock-summary-path')?.textContent.replaceAll('\\u200b', '') === '${path}')`;

  testInBrowser(
    'it renders, takes the token, and "Try it out" of GET /services gets its answer',
    async () => {
      const page = await openPage(String(browserProgram));
      try {
        await page.open(`${origin}/docs`);
        await page.until(`document.querySelectorAll('.opblock').length > 20`);
        expect(await page.evaluate<string>(`document.querySelector('.info .title').textContent`)).toContain(
          'Tidemark',
        );

        await clickText(page, 'button.authorize', 'Authorize');
        await page.until(`document.querySelector('.auth-container input')`);
        await page.evaluate(`(() => {
        const input = document.querySelector('.auth-container input');
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, '${tokens.viewer}');
        input.dispatchEvent(new Event('input', { bubbles: true }));
      })()`);
        await clickText(page, '.auth-btn-wrapper button.authorize', 'Authorize');
        await clickText(page, '.auth-btn-wrapper button.btn-done', 'Close');

        await page.until(operation);
        await page.evaluate(`${operation}.querySelector('.opblock-summary-control').click()`);
        await page.until(`${operation}.querySelector('button.execute')`);
        await page.evaluate(`${operation}.querySelector('button.execute').click()`);
        await page.until(`${operation}.querySelector('.live-responses-table .response')`);
        const answer = await page.evaluate<string>(
          `${operation}.querySelector('.live-responses-table .response').textContent`,
        );
        expect(answer).toContain('200');
        expect(answer).toContain('dbtgf28044362');

        expect(page.requests.length).toBeGreaterThan(4);
        const foreign = page.requests.filter(
          (url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'),
        );
        expect(foreign).toEqual([]);
        expect(page.complaints).toEqual([]);
      } finally {
        await page.close();
      }
    },
  );
});
