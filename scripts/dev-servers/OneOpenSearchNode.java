import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node: arguments are its folder and its HTTP port. It runs until the process is ended. */
public class OneOpenSearchNode {
  public static void main(String[] given) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }));
    runner.onBuild((number, settings) -> {
      settings.put("network.host", "127.0.0.1");
      settings.put("http.host", "127.0.0.1");
      settings.put("http.port", given[1]);
      settings.put("transport.port", "0");
      settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
    }).build(OpenSearchRunner.newConfigs().basePath(given[0]).numOfNode(1).clusterName("tradehall-test"));
    Thread.currentThread().join();
  }
}
