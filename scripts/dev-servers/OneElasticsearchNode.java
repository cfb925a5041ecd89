import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.elasticsearch.bootstrap.BootstrapCheck;
import org.elasticsearch.bootstrap.BootstrapContext;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.transport.BoundTransportAddress;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node, without security: arguments are its home (with modules/), its folder and its HTTP port. On
 * the class path: its modules ask for a Java with more in it than ours.
 */
public class OneElasticsearchNode {
  public static void main(String[] given) throws Exception {
    Settings settings = Settings.builder()
      .put("path.home", given[0])
      .put("path.data", given[1])
      .put("path.logs", given[1] + "/logs")
      .put("cluster.name", "tradehall-test")
      .put("node.name", "node")
      .put("discovery.type", "single-node")
      .put("network.host", "127.0.0.1")
      .put("http.port", given[2])
      .put("transport.port", "0")
      .put("cluster.routing.allocation.disk.threshold_enabled", false)
      .build();
    // Nodes refuse to start without a configured log.
    LogConfigurator.configureWithoutConfig(settings);
    LogConfigurator.configureESLogging();
    Environment environment = new Environment(settings, Path.of(given[0], "config"));
    PluginsLoader plugins = PluginsLoader.createPluginsLoader(
      PluginsLoader.loadModulesBundles(environment.modulesDir(), false),
      PluginsLoader.loadPluginsBundles(environment.pluginsDir(), false),
      Map.of(),
      false);
    Node node = new Node(environment, plugins) {
      @Override
      protected void validateNodeBeforeAcceptingRequests(
        BootstrapContext context, BoundTransportAddress address, List<BootstrapCheck> checks) {}
    };
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }));
    node.start();
    Thread.currentThread().join();
  }
}
