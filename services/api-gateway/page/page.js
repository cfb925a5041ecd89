/** The page: prices, an order ticket, portfolio, orders and trades. The API key lives in `session` and nowhere else. */
import {
  compareDecimals,
  isDecimal,
  multiplyDecimals,
  showDecimal,
  showMoney,
  showPrice,
} from './decimal-text.js';
import { PhoenixSocket } from './phoenix-socket.js';

const MOST_SYMBOLS = 200;
const ROWS = 25;
const REFRESH_AFTER_UPDATE_MS = 250;
const REFRESH_EVERY_MS = 5_000;

const byId = (id) => document.getElementById(id);
const sections = ['prices', 'ticket', 'portfolio', 'orders', 'trades'].map(byId);

/** Null while nobody is connected. */
let session = null;

class ProblemError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'The request failed.');
    this.problem = problem;
  }
}

async function call(method, path, body, headers = {}) {
  const own = session;
  const response = await fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${own.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ProblemError({
      title: 'Tradehall cannot be reached.',
      detail: 'Tradehall cannot be reached; is it running?',
    });
  });
  const text = await response.text();
  const answer = text === '' ? null : JSON.parse(text);
  if (!response.ok) throw new ProblemError(answer ?? { title: `Status ${response.status}.` });
  return answer;
}

function notify(message) {
  byId('notice').textContent = message ?? '';
  byId('notice').hidden = !message;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells) {
  const made = document.createElement('tr');
  made.append(...cells);
  return made;
}

function fill(bodyId, emptyId, rows) {
  byId(bodyId).replaceChildren(...rows);
  byId(emptyId).hidden = rows.length > 0;
}

function idempotencyKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}

const signClass = (text) =>
  text === null || !isDecimal(text)
    ? ''
    : compareDecimals(text, '0') < 0
      ? 'down'
      : compareDecimals(text, '0') > 0
        ? 'up'
        : '';

// ---- Prices

const priceRows = new Map();
const changed = new Map();
let painting = false;

function priceRow(symbol) {
  const known = priceRows.get(symbol);
  if (known) return known;
  const choose = element('button', symbol, 'link');
  choose.type = 'button';
  choose.addEventListener('click', () => {
    byId('symbol').value = symbol;
    estimate();
    byId('quantity').focus();
  });
  const name = document.createElement('td');
  name.append(choose);
  const cells = {
    price: element('td', '–', 'number'),
    bid: element('td', '–', 'number'),
    ask: element('td', '–', 'number'),
    volume: element('td', '–', 'number wide'),
  };
  const made = { cells, line: row([name, cells.price, cells.bid, cells.ask, cells.volume]), latest: null };
  priceRows.set(symbol, made);
  const after = [...priceRows.keys()].sort().find((other) => other > symbol && other !== symbol);
  byId('price-rows').insertBefore(made.line, after === undefined ? null : priceRows.get(after).line);
  byId('symbols').append(Object.assign(document.createElement('option'), { value: symbol }));
  byId('prices-empty').hidden = true;
  applyFilter();
  return made;
}

function paint() {
  painting = false;
  for (const [symbol, price] of changed) {
    const line = priceRow(symbol);
    const before = line.latest?.price;
    line.latest = price;
    line.cells.price.textContent = showPrice(price.price);
    line.cells.bid.textContent = price.bid ? showPrice(price.bid) : '–';
    line.cells.ask.textContent = price.ask ? showPrice(price.ask) : '–';
    line.cells.volume.textContent = price.volume ? showDecimal(price.volume, 0, 0) : '–';
    const way = before === undefined ? 0 : compareDecimals(price.price, before);
    if (way !== 0) {
      line.cells.price.classList.remove('moved-up', 'moved-down');
      void line.cells.price.offsetWidth;
      line.cells.price.classList.add(way > 0 ? 'moved-up' : 'moved-down');
    }
  }
  changed.clear();
  estimate();
}

function takePrice(price) {
  if (!price || !isDecimal(price.price ?? '')) return;
  changed.set(price.symbol, price);
  if (painting) return;
  painting = true;
  requestAnimationFrame(paint);
}

function applyFilter() {
  const wanted = byId('filter').value.trim().toUpperCase();
  for (const [symbol, { line }] of priceRows) line.hidden = !symbol.includes(wanted);
}

function follow(symbol) {
  if (session.followed.has(symbol) || session.followed.size >= MOST_SYMBOLS) return;
  session.followed.add(symbol);
  session.socket.join(`prices:${symbol}`, {
    onJoined: ({ snapshot }) => takePrice(snapshot),
    onEvent: (event, payload) => event === 'price_update' && takePrice(payload),
    onRefused: (reason) => notify(`Prices of ${symbol}: ${reason?.reason ?? reason?.message ?? 'refused'}.`),
  });
}

async function findSymbols() {
  const { symbols } = await call('GET', `/v1/symbols?limit=${MOST_SYMBOLS}`);
  for (const found of symbols) follow(found.symbol);
}

// ---- Order ticket

function estimate() {
  const form = byId('order');
  const symbol = form.symbol.value.trim().toUpperCase();
  const latest = priceRows.get(symbol)?.latest;
  const market = form.side.value === 'BUY' ? (latest?.ask ?? latest?.price) : (latest?.bid ?? latest?.price);
  const price = form.type.value === 'LIMIT' ? form.limitPrice.value.trim() : market;
  const quantity = form.quantity.value.trim();
  const known = price !== undefined && isDecimal(price) && isDecimal(quantity);
  byId('estimate').textContent = known ? showMoney(multiplyDecimals(price, quantity)) : '–';
}

function arrangeTicket() {
  const form = byId('order');
  byId('limit-field').hidden = form.type.value !== 'LIMIT';
  byId('place').dataset.side = form.side.value;
  byId('place').textContent = form.side.value === 'BUY' ? 'Buy' : 'Sell';
  estimate();
}

function orderResult(message, bad) {
  byId('order-result').textContent = message;
  byId('order-result').classList.toggle('bad', bad);
}

/** Kept while the outcome of a request is unknown, so that pressing again cannot place a second order. */
let pending = null;

async function placeOrder(event) {
  event.preventDefault();
  const form = byId('order');
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  const body = {
    symbol: form.symbol.value.trim().toUpperCase(),
    side: form.side.value,
    quantity: form.quantity.value.trim(),
    type: form.type.value,
    ...(form.type.value === 'LIMIT' ? { limitPrice: form.limitPrice.value.trim() } : {}),
  };
  const text = JSON.stringify(body);
  if (pending?.text !== text) pending = { text, key: idempotencyKey() };
  byId('place').disabled = true;
  orderResult('Sending…', false);
  try {
    const { orderId } = await call('POST', '/v1/orders', body, { 'x-idempotency-key': pending.key });
    pending = null;
    orderResult(`Accepted: order ${orderId.slice(0, 8)}.`, false);
    refreshSoon();
  } catch (error) {
    const { problem } = error;
    if (problem?.status !== undefined && problem.status < 500) pending = null;
    for (const { field } of problem?.errors ?? [])
      form.elements[field]?.setAttribute?.('aria-invalid', 'true');
    orderResult(error.message, true);
  } finally {
    byId('place').disabled = false;
  }
}

// ---- Portfolio, orders, trades

function showPortfolio(portfolio) {
  byId('account-name').textContent = portfolio.name;
  byId('equity').textContent = showMoney(portfolio.equity);
  byId('cash').textContent = showMoney(portfolio.cashBalance);
  byId('reserved').textContent = showMoney(portfolio.cashReserved);
  const held = portfolio.positions.filter((position) => compareDecimals(position.quantity, '0') !== 0);
  fill(
    'position-rows',
    'positions-empty',
    held.map((position) =>
      row([
        element('td', position.symbol),
        element('td', showDecimal(position.quantity), 'number'),
        element('td', showPrice(position.averageCost), 'number wide'),
        element('td', showMoney(position.marketValue), 'number'),
        element('td', showMoney(position.unrealisedProfit), `number ${signClass(position.unrealisedProfit)}`),
      ]),
    ),
  );
}

const OPEN = new Set(['ACCEPTED', 'NEW', 'PARTIALLY_FILLED']);
const inWords = (status) => status.charAt(0) + status.slice(1).toLowerCase().replaceAll('_', ' ');

function cancelButton(order) {
  const cell = document.createElement('td');
  if (!OPEN.has(order.status)) return cell;
  const button = element('button', 'Cancel', 'link');
  button.type = 'button';
  button.setAttribute('aria-label', `Cancel ${order.side} ${order.quantity ?? ''} ${order.symbol}`);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await call('DELETE', `/v1/orders/${order.orderId}`);
      notify(null);
    } catch (error) {
      notify(error.message);
    }
    refreshSoon();
  });
  cell.append(button);
  return cell;
}

function showOrders({ orders }) {
  fill(
    'order-rows',
    'orders-empty',
    orders.map((order) => {
      const amount = order.quantity ? showDecimal(order.quantity) : showMoney(order.notional);
      const what = document.createElement('td');
      what.append(
        element('span', order.side === 'BUY' ? 'Buy' : 'Sell', order.side === 'BUY' ? 'up' : 'down'),
        ` ${amount} ${order.symbol}`,
      );
      if (order.limitPrice) what.append(` at ${showPrice(order.limitPrice)}`);
      const status = element('td', inWords(order.status));
      if (order.reason) status.title = order.reason;
      return row([
        what,
        element('td', showDecimal(order.filledQuantity), 'number'),
        element('td', showPrice(order.averageFillPrice), 'number wide'),
        status,
        cancelButton(order),
      ]);
    }),
  );
}

function showTrades({ trades }) {
  fill(
    'trade-rows',
    'trades-empty',
    trades.map((trade) => {
      const what = document.createElement('td');
      what.append(
        element('span', trade.side === 'BUY' ? 'Buy' : 'Sell', trade.side === 'BUY' ? 'up' : 'down'),
        ` ${showDecimal(trade.quantity)} ${trade.symbol}`,
      );
      const executed = trade.status === 'EXECUTED';
      return row([
        element('td', trade.executionTimestamp.replace('T', ' ').slice(0, 19), 'muted'),
        what,
        element('td', showPrice(trade.executionPrice), 'number'),
        element(
          'td',
          executed ? 'Executed' : (trade.failureReason ?? inWords(trade.status)),
          `wide ${executed ? '' : 'detail'}`,
        ),
      ]);
    }),
  );
}

let refreshTimer = null;

function refreshSoon() {
  if (refreshTimer === null) refreshTimer = setTimeout(refresh, REFRESH_AFTER_UPDATE_MS);
}

async function refresh() {
  clearTimeout(refreshTimer);
  refreshTimer = null;
  const own = session;
  if (own === null) return;
  const id = own.accountId;
  const parts = await Promise.allSettled([
    call('GET', `/v1/portfolio/${id}`).then(showPortfolio),
    call('GET', `/v1/orders?limit=${ROWS}`).then(showOrders),
    call('GET', `/v1/trades/search?userId=${id}&limit=${ROWS}`).then(showTrades),
    findSymbols(),
  ]);
  if (session !== own) return;
  const failed = parts.find((part) => part.status === 'rejected');
  notify(failed ? failed.reason.message : null);
  if (failed?.reason.problem?.status === 401) disconnect();
}

// ---- Connecting

function showConnection(state) {
  byId('connection').dataset.state = state;
  byId('connection').textContent = { on: 'Live', wait: 'Connecting…', off: 'Not connected' }[state];
}

async function connect(event) {
  event.preventDefault();
  const key = byId('key').value.trim();
  notify(null);
  session = { key, accountId: null, socket: null, followed: new Set(), timer: null };
  const own = session;
  try {
    const first = await call('POST', '/v1/tickets');
    own.accountId = first.accountId;
    let ticket = first.ticket;
    own.socket = new PhoenixSocket(
      '/v1/marketdata/websocket',
      async () => {
        const use = ticket ?? (await call('POST', '/v1/tickets')).ticket;
        ticket = null;
        return use;
      },
      showConnection,
    );
    own.socket.join(`account:${own.accountId}`, { onEvent: refreshSoon });
    await own.socket.connect();
  } catch (error) {
    session = null;
    notify(error.message);
    byId('key').focus();
    return;
  }
  byId('key').value = '';
  byId('account-name').textContent = own.accountId.slice(0, 8);
  for (const section of sections) section.hidden = false;
  byId('welcome').hidden = true;
  byId('sign-in').hidden = true;
  byId('sign-out').hidden = false;
  own.timer = setInterval(refresh, REFRESH_EVERY_MS);
  await refresh();
}

function disconnect(event) {
  event?.preventDefault();
  clearInterval(session?.timer);
  session?.socket?.close();
  session = null;
  pending = null;
  priceRows.clear();
  byId('price-rows').replaceChildren();
  byId('symbols').replaceChildren();
  for (const section of sections) section.hidden = true;
  byId('welcome').hidden = false;
  byId('sign-in').hidden = false;
  byId('sign-out').hidden = true;
  byId('key').focus();
}

byId('sign-in').addEventListener('submit', connect);
byId('sign-out').addEventListener('submit', disconnect);
byId('order').addEventListener('submit', placeOrder);
byId('order').addEventListener('input', arrangeTicket);
byId('filter').addEventListener('input', applyFilter);
arrangeTicket();
