/** Every target of the program by name: what it needs, its options, and how it is built. In the order of starting. */
import type { Configuration } from '#infrastructure/core/configuration.ts';
import type { RouteDeclaration, SocketDeclaration } from '#infrastructure/core/http.ts';
import type { OptionRecord } from '#infrastructure/core/options.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { apiGatewayOptions } from '#services/api-gateway/config.ts';
import { marketDataOptions } from '#services/market-data/config.ts';
import { createMarketDataService } from '#services/market-data/service.ts';
import { MARKET_DATA_SOCKET } from '#services/market-data/socket/socket-hub.ts';
import { SYMBOL_ROUTES } from '#services/market-data/symbol-routes.ts';
import { marketIngestionOptions } from '#services/market-ingestion/config.ts';
import { createMarketIngestionService } from '#services/market-ingestion/service.ts';
import { ACCOUNT_ROUTES } from '#services/order/account-routes.ts';
import { BREAKER_ROUTES } from '#services/order/breaker-routes.ts';
import { orderOptions } from '#services/order/config.ts';
import { KILL_SWITCH_ROUTES } from '#services/order/kill-switch-routes.ts';
import { ORDER_ROUTES } from '#services/order/order-routes.ts';
import { createOrderService } from '#services/order/service.ts';
import { portfolioOptions } from '#services/portfolio/config.ts';
import { PORTFOLIO_ROUTES } from '#services/portfolio/portfolio-routes.ts';
import { createPortfolioService } from '#services/portfolio/service.ts';
import { STATEMENT_ROUTES } from '#services/portfolio/statement-routes.ts';
import { ANALYTICS_ROUTES } from '#services/query/analytics-routes.ts';
import { queryOptions } from '#services/query/config.ts';
import { createQueryService } from '#services/query/service.ts';
import { TRADE_ROUTES } from '#services/query/trade-routes.ts';
import { tradeExecutionOptions } from '#streams/trade-execution/config.ts';
import { createTradeExecutionStream } from '#streams/trade-execution/service.ts';
import { tradePersistenceOptions } from '#streams/trade-persistence/config.ts';
import { createTradePersistenceStream } from '#streams/trade-persistence/service.ts';
import type { PortName, Ports } from './adapters.ts';
import { processOptions } from './options.ts';

export interface Target {
  readonly name: string;
  readonly needs: readonly PortName[];
  /** Whether it reads prices that market-data puts into the cache. */
  readonly readsPrices: boolean;
  readonly options: OptionRecord;
  /** What a gateway in another process has to know of it. */
  readonly routes: readonly RouteDeclaration[];
  readonly sockets: readonly SocketDeclaration[];
  build(
    context: ServiceContext,
    port: <Name extends PortName>(name: Name) => Ports[Name],
    configuration: Configuration,
  ): Service;
}

/** Built by compose.ts itself, since it mounts all the others. */
export const GATEWAY = 'api-gateway';
export const GATEWAY_NEEDS: readonly PortName[] = ['log', 'cache', 'relational'];

export const targets: readonly Target[] = [
  {
    name: 'trade-execution',
    needs: ['log', 'cache'],
    readsPrices: true,
    options: tradeExecutionOptions,
    routes: [],
    sockets: [],
    build: (context, port, configuration) =>
      createTradeExecutionStream(
        context,
        { log: port('log'), cache: port('cache') },
        configuration.of(tradeExecutionOptions),
      ),
  },
  {
    name: 'trade-persistence',
    needs: ['log', 'history', 'analytics'],
    readsPrices: false,
    options: tradePersistenceOptions,
    routes: [],
    sockets: [],
    build: (context, port, configuration) =>
      createTradePersistenceStream(
        context,
        { log: port('log'), history: port('history'), analytics: port('analytics') },
        configuration.of(tradePersistenceOptions),
      ),
  },
  {
    name: 'portfolio',
    needs: ['log', 'portfolios', 'relational', 'cache'],
    readsPrices: true,
    options: portfolioOptions,
    routes: [...Object.values(PORTFOLIO_ROUTES), ...Object.values(STATEMENT_ROUTES)],
    sockets: [],
    build: (context, port, configuration) =>
      createPortfolioService(
        context,
        {
          log: port('log'),
          portfolios: port('portfolios'),
          statements: port('relational').statements,
          cache: port('cache'),
        },
        configuration.of(portfolioOptions),
      ),
  },
  {
    name: 'market-data',
    needs: ['log', 'cache'],
    readsPrices: false,
    options: marketDataOptions,
    routes: Object.values(SYMBOL_ROUTES),
    sockets: [MARKET_DATA_SOCKET],
    build: (context, port, configuration) =>
      createMarketDataService(
        context,
        { log: port('log'), cache: port('cache') },
        configuration.of(marketDataOptions),
      ),
  },
  {
    name: 'query',
    needs: ['history', 'analytics', 'cache'],
    readsPrices: true,
    options: queryOptions,
    routes: [...Object.values(TRADE_ROUTES), ...Object.values(ANALYTICS_ROUTES)],
    sockets: [],
    build: (context, port, configuration) =>
      createQueryService(
        context,
        { history: port('history'), analytics: port('analytics'), cache: port('cache') },
        configuration.of(queryOptions),
      ),
  },
  {
    name: 'order',
    needs: ['log', 'cache', 'portfolios', 'relational'],
    readsPrices: true,
    options: orderOptions,
    routes: [
      ...Object.values(ORDER_ROUTES),
      ...Object.values(ACCOUNT_ROUTES),
      ...Object.values(KILL_SWITCH_ROUTES),
      ...Object.values(BREAKER_ROUTES),
    ],
    sockets: [],
    build: (context, port, configuration) => {
      const { orders, keyClaims, statements, accounts } = port('relational');
      const isShared = configuration.of(processOptions).database.server !== null;
      return createOrderService(
        context,
        {
          log: port('log'),
          cache: port('cache'),
          portfolios: port('portfolios'),
          orders,
          keyClaims: isShared ? keyClaims : null,
          statements,
          accounts,
        },
        configuration.of(orderOptions),
      );
    },
  },
  {
    name: 'market-ingestion',
    needs: ['log', 'marketFiles'],
    readsPrices: false,
    options: marketIngestionOptions,
    routes: [],
    sockets: [],
    build: (context, port, configuration) =>
      createMarketIngestionService(
        context,
        { log: port('log'), files: port('marketFiles') },
        configuration.of(marketIngestionOptions),
      ),
  },
];

export function targetNames(): readonly string[] {
  return [...targets.map((target) => target.name), GATEWAY];
}

/** Every option of the program, part by part, in the order of the reference. */
export const optionGroups: readonly { readonly title: string; readonly options: OptionRecord }[] = [
  { title: 'The process', options: processOptions },
  { title: GATEWAY, options: apiGatewayOptions },
  ...targets.map((target) => ({ title: target.name, options: target.options })),
];
