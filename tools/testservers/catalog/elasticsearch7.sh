# Elasticsearch 7.17: its last published modules (reindex, mapper-extras, parent-join, mustache); painless is not published.
ES7=${TOWPATH_ELASTICSEARCH7_PORT:-22207}
VARIABLE=TOWPATH_TEST_ELASTICSEARCH7_URL

ports() { echo "$ES7 $((ES7 + 100))"; }

requires() { java_required; }

install() {
  jars
  ! compiled ElasticsearchServer.java || built
}

start() {
  mkdir -p "$HOME_OF"/{config,modules,plugins}
  search_settings "$ES7" >"$HOME_OF/config/elasticsearch.yml"
  search_logging >"$HOME_OF/config/log4j2.properties"
  spawn java -Xms512m -Xmx1g -Dlog4j2.disable.jmx=true -cp "$CLASSES:$JARS/*" ElasticsearchServer "$HOME_OF"
}

ready() { search_ready "$ES7"; }

environment() { echo "$VARIABLE=http://127.0.0.1:$ES7"; }
