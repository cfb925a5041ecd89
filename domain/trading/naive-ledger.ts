/**
 * The oracle of the core's property tests: the same rules in the plainest way, sharing no code with the core. Lists
 * and linear search, no hash, no snapshot, no ids but the order's. It forgets nothing and is slow.
 */
import type {
  BatchPrice,
  FeeSchedule,
  SubmitOrder,
  TradingInput,
  TradingLimits,
} from '#domain/data/trading-inputs.ts';

const NANO = 1_000_000_000n;
const MOST = 2n ** 63n - 1n;
const DAY = 86_400_000;

export interface NaiveOrder {
  readonly input: SubmitOrder;
  status: string;
  quantity: bigint;
  filled: bigint;
  spent: bigint;
  charged: bigint;
  reserved: bigint;
  collar: bigint;
  expires: number;
  fees: FeeSchedule;
}

export interface NaiveHolding {
  quantity: bigint;
  basis: bigint;
  realised: bigint;
  usedAt: number;
  bought: bigint;
  sold: bigint;
}

export interface NaiveAccount {
  cash: bigint;
  halted: boolean;
  /** Of the breaker: 0 open, Infinity tripped, else until when it is quiet. */
  reducesUntil: number;
  /** By day. */
  readonly results: Map<number, bigint>;
  readonly holdings: Map<string, NaiveHolding>;
}

export interface NaiveFill {
  readonly orderId: string;
  readonly quantity: bigint;
  readonly price: bigint;
  readonly fee: bigint;
}

function halfEven(numerator: bigint, divisor: bigint): bigint {
  const floor = numerator / divisor;
  const rest = 2n * (numerator % divisor);
  return rest > divisor || (rest === divisor && floor % 2n === 1n) ? floor + 1n : floor;
}

const up = (numerator: bigint, divisor: bigint) => (numerator + divisor - 1n) / divisor;
const most = (left: bigint, right: bigint) => (left > right ? left : right);
const least = (left: bigint, right: bigint) => (left < right ? left : right);

export function createNaiveLedger(limitsAtFirst: TradingLimits, feesAtFirst: FeeSchedule) {
  const accounts = new Map<string, NaiveAccount>();
  const orders: NaiveOrder[] = [];
  const prices = new Map<string, BatchPrice>();
  const commands = new Map<string, string>();
  const fills: NaiveFill[] = [];
  const steps: string[] = [];
  const venueEvents = new Map<string, number>();
  const losers: string[] = [];
  let clock = 0;
  let halted = false;
  let limits = limitsAtFirst;
  let fees = feesAtFirst;

  const open = (order: NaiveOrder) => order.status === 'NEW' || order.status === 'PARTIALLY_FILLED';
  const openOrders = (accountId: string) => orders.filter((o) => open(o) && o.input.accountId === accountId);
  const left = (order: NaiveOrder) => order.quantity - order.filled;
  const reservedCash = (accountId: string) => openOrders(accountId).reduce((sum, o) => sum + o.reserved, 0n);
  const reservedShares = (accountId: string, symbol: string) =>
    openOrders(accountId)
      .filter((o) => o.input.side === 'SELL' && o.input.symbol === symbol)
      .reduce((sum, o) => sum + left(o), 0n);
  const due = (schedule: FeeSchedule, quantity: bigint, notional: bigint) => {
    const exact = halfEven(schedule.perShare * quantity + schedule.rate * notional, NANO);
    return most(exact, schedule.minimumPerOrder);
  };
  const touch = (price: BatchPrice, side: string) => {
    const crossed = price.bid !== null && price.ask !== null && price.bid > price.ask;
    const quote = side === 'BUY' ? price.ask : price.bid;
    return quote === null || crossed ? price.price : quote;
  };
  const holdingOf = (account: NaiveAccount, symbol: string) => {
    const found = account.holdings.get(symbol);
    if (found !== undefined) return found;
    const made = { quantity: 0n, basis: 0n, realised: 0n, usedAt: 0, bought: 0n, sold: 0n };
    account.holdings.set(symbol, made);
    return made;
  };

  const today = () => Math.floor(clock / DAY);
  const loss = (account: NaiveAccount) => -(account.results.get(today()) ?? 0n);

  function note(accountId: string, result: bigint) {
    const account = accounts.get(accountId) as NaiveAccount;
    const sum = (account.results.get(today()) ?? 0n) + result;
    account.results.set(today(), least(most(sum, -MOST - 1n), MOST));
    if (loss(account) > limits.maxDailyLoss) losers.push(accountId);
  }

  function trip(accountId: string) {
    (accounts.get(accountId) as NaiveAccount).reducesUntil = Infinity;
    steps.push(`${accountId} BREAKER_TRIPPED`);
    for (const order of openOrders(accountId)) if (order.input.side === 'BUY') end(order, 'CANCELED');
  }

  function end(order: NaiveOrder, status: string) {
    order.status = status;
    order.reserved = 0n;
    steps.push(`${order.input.orderId} ${status}`);
  }

  function fill(order: NaiveOrder, quantity: bigint, price: bigint, atVenue: boolean): boolean {
    const { side, symbol, accountId } = order.input;
    const account = accounts.get(accountId) as NaiveAccount;
    const notional = halfEven(price * quantity, NANO);
    const filled = order.filled + quantity;
    const spent = order.spent + notional;
    if (quantity <= 0n || quantity > left(order) || notional > MOST || spent > MOST) return false;
    let fee = due(order.fees, filled, spent) - order.charged;
    if (fee < 0n) fee = 0n;
    const before = account.holdings.get(symbol);
    if (side === 'BUY') {
      const spendable = order.reserved + account.cash - reservedCash(accountId);
      if (notional + fee > spendable) return false;
      if (before !== undefined && before.quantity + quantity > MOST) return false;
      if (before !== undefined && before.basis + notional > MOST) return false;
      const rest = order.quantity - filled;
      const worst = up(order.collar * rest, NANO);
      const moreFees = due(order.fees, order.quantity, spent + worst) - order.charged - fee;
      const needed = rest === 0n ? 0n : worst + (moreFees > 0n ? moreFees : 0n);
      order.reserved = least(needed, spendable - notional - fee);
      const holding = holdingOf(account, symbol);
      account.cash -= notional + fee;
      if (fee > 0n) note(accountId, -fee);
      holding.quantity += quantity;
      holding.basis += notional;
      if (atVenue) holding.bought += quantity;
    } else {
      const holding = holdingOf(account, symbol);
      fee = least(fee, notional);
      const basis = halfEven(holding.basis * quantity, holding.quantity);
      if (account.cash + notional > MOST || holding.realised + notional - basis > MOST) return false;
      account.cash += notional - fee;
      note(accountId, notional - basis - fee);
      holding.quantity -= quantity;
      holding.basis -= basis;
      holding.realised += notional - basis;
      if (atVenue) holding.sold += quantity;
    }
    order.filled = filled;
    order.spent = spent;
    order.charged += fee;
    fills.push({ orderId: order.input.orderId, quantity, price, fee });
    if (filled === order.quantity) {
      end(order, 'FILLED');
    } else {
      order.status = 'PARTIALLY_FILLED';
      steps.push(`${order.input.orderId} PARTIALLY_FILLED`);
    }
    return true;
  }

  function meet(order: NaiveOrder, arriving: boolean) {
    const { side, symbol, accountId, terms } = order.input;
    const price = prices.get(symbol) as BatchPrice;
    const offered: bigint = touch(price, side);
    let at: bigint;
    if (terms.type === 'MARKET') {
      if (side === 'BUY' && offered > order.collar) return end(order, 'CANCELED');
      at = offered;
    } else if (side === 'BUY' ? offered <= terms.limitPrice : offered >= terms.limitPrice) {
      at = offered;
    } else if (!arriving && (side === 'BUY' ? price.low < terms.limitPrice : price.high > terms.limitPrice)) {
      at = terms.limitPrice;
    } else {
      return;
    }
    const holding = accounts.get(accountId)?.holdings.get(symbol);
    if (holding !== undefined && holding.usedAt !== price.sequence) {
      Object.assign(holding, { usedAt: price.sequence, bought: 0n, sold: 0n });
    }
    const used = (side === 'BUY' ? holding?.bought : holding?.sold) ?? 0n;
    const size = (side === 'BUY' ? price.askSize : price.bidSize) ?? price.tradedSize;
    const quantity = size === null ? left(order) : least(left(order), size - used);
    if (quantity <= 0n) return;
    if (!fill(order, quantity, at, true)) return end(order, 'CANCELED');
    const after = accounts.get(accountId)?.holdings.get(symbol);
    if (after !== undefined) after.usedAt = price.sequence;
  }

  /** `null`: it may be placed. */
  function denial(order: NaiveOrder): string | null {
    const { input } = order;
    const { terms, side, symbol } = input;
    const account = accounts.get(input.accountId);
    if (account === undefined) return 'unknown_account';
    if (halted || account.halted) return 'kill_switch';
    if (side === 'BUY' && account.reducesUntil > 0) return 'breaker';
    if ('quantity' in terms && terms.quantity <= 0n) return 'invalid_quantity';
    if ('notional' in terms && terms.notional <= 0n) return 'invalid_notional';
    if (terms.type === 'LIMIT' && terms.limitPrice <= 0n) return 'invalid_limit_price';
    if ('quantity' in terms && terms.quantity > limits.maxOrderQuantity) return 'quantity_above_limit';
    if (openOrders(input.accountId).length >= limits.maxOpenOrdersPerAccount) return 'too_many_open_orders';
    const price = prices.get(symbol);
    if (price === undefined) return 'price_missing';
    if (clock - price.feedTimestampMs > limits.maxPriceAgeMs) return 'price_too_old';
    const reference: bigint = touch(price, side);
    order.quantity = 'notional' in terms ? (terms.notional * NANO) / reference : terms.quantity;
    if (order.quantity > MOST) return 'overflow';
    if (order.quantity === 0n) return 'notional_too_small';
    const at: bigint = terms.type === 'LIMIT' ? terms.limitPrice : reference;
    const notional = halfEven(at * order.quantity, NANO);
    if (notional > MOST) return 'overflow';
    const collar = reference + halfEven(reference * limits.marketBuyCollar, NANO);
    order.collar = terms.type === 'LIMIT' ? terms.limitPrice : collar;
    const worst = up(order.collar * order.quantity, NANO);
    const cash = worst + due(fees, order.quantity, worst);
    if (side === 'BUY' && (order.collar > MOST || worst > MOST || cash > MOST)) return 'overflow';
    if (order.quantity > limits.maxOrderQuantity) return 'quantity_above_limit';
    const held = account.holdings.get(symbol)?.quantity ?? 0n;
    if (side === 'BUY' && held + order.quantity > MOST) return 'overflow';
    if (notional > limits.maxOrderNotional) return 'notional_above_limit';
    if (side === 'BUY') {
      if (cash > account.cash - reservedCash(input.accountId)) return 'insufficient_funds';
      order.reserved = cash;
      return null;
    }
    return order.quantity > held - reservedShares(input.accountId, symbol) ? 'insufficient_shares' : null;
  }

  function submit(input: SubmitOrder) {
    const known = orders.find((order) => order.input.orderId === input.orderId);
    if (known !== undefined) {
      if (known.input.bodyDigest !== input.bodyDigest) steps.push(`${input.orderId} conflict`);
      return;
    }
    const order: NaiveOrder = {
      input,
      status: 'NEW',
      quantity: 0n,
      filled: 0n,
      spent: 0n,
      charged: 0n,
      reserved: 0n,
      collar: 0n,
      expires: input.timeInForce === 'GTC' ? Infinity : (Math.floor(clock / DAY) + 1) * DAY,
      fees,
    };
    const reason = denial(order);
    orders.push(order);
    if (reason !== null) {
      order.status = 'DENIED';
      order.reserved = 0n;
      steps.push(`${input.orderId} DENIED ${reason}`);
      return;
    }
    steps.push(`${input.orderId} NEW`);
    meet(order, true);
  }

  function transfer(accountId: string, commandId: string, amount: bigint, kind: string) {
    if (commands.has(commandId)) return;
    commands.set(commandId, kind);
    const account = accounts.get(accountId);
    if (account === undefined || amount <= 0n) return;
    const signed = kind === 'deposit' ? amount : -amount;
    if (account.cash + signed > MOST || account.cash + signed < reservedCash(accountId)) return;
    account.cash += signed;
  }

  function apply(input: TradingInput) {
    clock = Math.max(clock, input.timeMs);
    for (const order of orders) if (open(order) && order.expires <= clock) end(order, 'EXPIRED');
    for (const accountId of [...accounts.keys()].sort()) {
      const account = accounts.get(accountId) as NaiveAccount;
      if (account.reducesUntil === 0 || account.reducesUntil > clock) continue;
      account.reducesUntil = 0;
      steps.push(`${accountId} BREAKER_OPENED`);
    }
    losers.length = 0;
    take(input);
    for (const accountId of losers) {
      const account = accounts.get(accountId) as NaiveAccount;
      if (account.reducesUntil !== Infinity && loss(account) > limits.maxDailyLoss) trip(accountId);
    }
  }

  function take(input: TradingInput) {
    switch (input.type) {
      case 'SubmitOrder':
        return submit(input);
      case 'CancelOrder': {
        const order = openOrders(input.accountId).find((o) => o.input.orderId === input.orderId);
        if (order === undefined) steps.push(`${input.orderId} cancel_rejected`);
        else end(order, 'CANCELED');
        return;
      }
      case 'OpenAccount':
        if (accounts.has(input.accountId)) return;
        accounts.set(input.accountId, {
          cash: 0n,
          halted: false,
          reducesUntil: 0,
          results: new Map(),
          holdings: new Map(),
        });
        return;
      case 'Deposit':
        return transfer(input.accountId, input.commandId, input.amount, 'deposit');
      case 'Withdraw':
        return transfer(input.accountId, input.commandId, input.amount, 'withdraw');
      case 'PriceBatch':
        for (const price of input.prices) {
          if (price.sequence <= (prices.get(price.symbol)?.sequence ?? -1)) continue;
          prices.set(price.symbol, price);
          if (clock - price.feedTimestampMs > limits.maxPriceAgeMs) continue;
          for (const order of orders)
            if (open(order) && order.input.symbol === price.symbol) meet(order, false);
        }
        return;
      case 'Control': {
        const { change } = input;
        if (change.kind === 'SetFees') fees = change.fees;
        if (change.kind === 'SetLimits') limits = change.limits;
        if (change.kind === 'SetBreaker') {
          const account = accounts.get(change.accountId);
          if (account === undefined) return;
          const isTripped = account.reducesUntil === Infinity;
          if (change.action === 'TRIP' && !isTripped) trip(change.accountId);
          if (change.action === 'RESET' && isTripped) {
            account.reducesUntil = clock + limits.breakerQuietPeriodMs;
            account.results.clear();
            steps.push(`${change.accountId} BREAKER_RESET`);
          }
        }
        if (change.kind !== 'SetKillSwitch') return;
        const account = change.accountId === null ? undefined : accounts.get(change.accountId);
        if (change.accountId === null) halted = change.engaged;
        else if (account !== undefined) account.halted = change.engaged;
        const isMeant = (order: NaiveOrder) =>
          change.accountId === null || order.input.accountId === change.accountId;
        if (change.engaged)
          for (const order of orders) if (open(order) && isMeant(order)) end(order, 'CANCELED');
        return;
      }
      case 'VenueEvent': {
        if (input.sourceSequence <= (venueEvents.get(input.source) ?? 0)) return;
        venueEvents.set(input.source, input.sourceSequence);
        const order = openOrders(input.accountId).find((o) => o.input.orderId === input.orderId);
        const { decision } = input;
        if (order === undefined) steps.push(`${input.orderId} venue_event_ignored`);
        else if (decision.kind === 'Canceled') end(order, 'CANCELED');
        else if (decision.kind === 'Rejected') end(order, 'REJECTED');
        else if (decision.kind === 'CancelRejected') steps.push(`${input.orderId} cancel_rejected`);
        else if (decision.kind === 'Filled' && !fill(order, decision.quantity, decision.price, false)) {
          steps.push(`${input.orderId} venue_event_ignored`);
        }
        return;
      }
    }
  }

  return { apply, accounts, orders, fills, steps, loss, reservedCash, reservedShares };
}
