# OpenSearch 2.19 with the modules reindex, painless, analysis-common, ingest-common, parent-join, mustache and geo.
OPENSEARCH=${TOWPATH_OPENSEARCH_PORT:-22219}
VARIABLE=TOWPATH_TEST_OPENSEARCH_URL

ports() { echo "$OPENSEARCH $((OPENSEARCH + 100))"; }

requires() { java_required; }

install() {
  jars
  ! compiled OpenSearchServer.java || built
}

start() {
  mkdir -p "$HOME_OF"/{config,modules,plugins}
  search_settings "$OPENSEARCH" >"$HOME_OF/config/opensearch.yml"
  search_logging >"$HOME_OF/config/log4j2.properties"
  spawn java -Xms512m -Xmx1g -Dlog4j2.disable.jmx=true -cp "$CLASSES:$JARS/*" OpenSearchServer "$HOME_OF"
}

ready() { search_ready "$OPENSEARCH"; }

environment() { echo "$VARIABLE=http://127.0.0.1:$OPENSEARCH"; }
