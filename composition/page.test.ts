/** The page at `/` in a real browser, against the whole program: connect, see prices, buy, see the portfolio. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { readEnvironment } from '#infrastructure/core/config.ts';
import { type RunningHall, startHall } from './composition.testing.ts';

const CHROMIUM = '/usr/bin/chromium';
const missing = !existsSync(CHROMIUM) && 'there is no Chromium: apt-get install chromium';
/** Where everything must be there, what is missing is a failure and not a skip. */
const skip = readEnvironment()['CI'] === 'true' ? false : missing;

let hall: RunningHall | null = null;
let browser: Browser | null = null;
after(async () => {
  await browser?.close();
  await hall?.stop();
});

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector)) ?? '';
}

test('a person connects, sees prices move, buys, and sees order, trade and portfolio', { skip }, async () => {
  assert.equal(missing, false);
  hall = await startHall({ feed: 'simulated' });
  const { accountId } = (await hall.operator.call('POST', '/operator/accounts', {
    name: 'Ada',
    cash: '100000',
  })) as {
    readonly accountId: string;
  };
  const key = (await hall.operator.call('POST', `/operator/accounts/${accountId}/keys`)) as {
    readonly keyId: string;
    readonly secret: string;
  };
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));

  await page.goto(hall.address);
  await page.fill('#key', `${key.keyId}.${key.secret}`);
  await page.click('#sign-in button');
  await page.waitForSelector('#price-rows tr >> nth=20');
  assert.equal(await textOf(page, '#connection'), 'Live');
  await page.waitForSelector('td.moved-up, td.moved-down', { state: 'attached' });

  await page.fill('#symbol', 'aapl');
  await page.fill('#quantity', '3');
  await page.click('#place');
  await page.waitForSelector('#position-rows tr:has-text("AAPL")');
  await page.waitForSelector('#order-rows tr:has-text("Filled")');
  await page.waitForSelector('#trade-rows tr:has-text("AAPL")');
  assert.match(await textOf(page, '#order-result'), /^Accepted: order [0-9a-f]{8}\.$/);
  assert.equal(await textOf(page, '#account-name'), 'Ada');
  assert.equal(await page.inputValue('#key'), '', 'the key does not stay in the field');
  assert.deepEqual(complaints, []);

  await page.fill('#quantity', 'three');
  await page.click('#place');
  await page.waitForSelector('#order-result.bad');
  assert.equal(
    await textOf(page, '#order-result'),
    'quantity must be a decimal such as 12.5, with at most nine places.',
  );
  assert.equal(await page.getAttribute('#quantity', 'aria-invalid'), 'true');

  const stored = await page.evaluate(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
  );
  assert.equal(stored, '[{},{},""]', 'the key is kept in memory only');
});
