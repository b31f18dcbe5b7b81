# Elasticsearch 8.19: the node itself and its HTTP module. Reindex, painless, scaled_float and security are not published.
ES8=${TOWPATH_ELASTICSEARCH8_PORT:-22208}
VARIABLE=TOWPATH_TEST_ELASTICSEARCH8_URL

ports() { echo "$ES8 $((ES8 + 100))"; }

requires() { java_required; }

install() {
  jars
  compiled ElasticsearchServer.java RootPlugin.java || return 0
  local version modules=$BUILT/modules
  version=$(basename "$JARS"/elasticsearch-8*.jar .jar)
  version=${version#elasticsearch-}
  # a module is a folder with its jars and a descriptor; its jars must not be on the class path as well
  mkdir -p "$modules"/{transport-netty4,root}
  cp "$JARS"/transport-netty4-*.jar "$JARS"/netty-*.jar "$modules/transport-netty4/"
  module transport-netty4 org.elasticsearch.transport.netty4.Netty4Plugin
  (cd "$CLASSES" && jar cf "$modules/root/root.jar" RootPlugin*.class && rm RootPlugin*.class)
  module root RootPlugin
  built
}

module() {
  printf '%s\n' "name=$1" "description=$1" "version=$version" "elasticsearch.version=$version" java.version=17 "classname=$2" \
    >"$modules/$1/plugin-descriptor.properties"
}

start() {
  mkdir -p "$HOME_OF"/{config,plugins}
  rm -rf "$HOME_OF/modules" && ln -s "$BUILT/modules" "$HOME_OF/modules"
  search_settings "$ES8" >"$HOME_OF/config/elasticsearch.yml"
  search_logging >"$HOME_OF/config/log4j2.properties"
  local jar path=$CLASSES
  for jar in "$JARS"/*.jar; do
    case $jar in */netty-* | */transport-netty4-*) ;; *) path=$path:$jar ;; esac
  done
  spawn java -Xms512m -Xmx1g -Dlog4j2.disable.jmx=true -cp "$path" ElasticsearchServer "$HOME_OF"
}

ready() { search_ready "$ES8"; }

environment() { echo "$VARIABLE=http://127.0.0.1:$ES8"; }
