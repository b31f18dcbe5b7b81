import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.Cell;
import org.apache.hadoop.hbase.CellUtil;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.HRegionLocation;
import org.apache.hadoop.hbase.NamespaceDescriptor;
import org.apache.hadoop.hbase.NamespaceExistException;
import org.apache.hadoop.hbase.ServerName;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.BufferedMutator;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptorBuilder;
import org.apache.hadoop.hbase.client.CompactionState;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.Delete;
import org.apache.hadoop.hbase.client.Durability;
import org.apache.hadoop.hbase.client.Get;
import org.apache.hadoop.hbase.client.Put;
import org.apache.hadoop.hbase.client.RegionInfo;
import org.apache.hadoop.hbase.client.RegionLocator;
import org.apache.hadoop.hbase.client.Result;
import org.apache.hadoop.hbase.client.ResultScanner;
import org.apache.hadoop.hbase.client.Scan;
import org.apache.hadoop.hbase.client.Table;
import org.apache.hadoop.hbase.client.TableDescriptorBuilder;
import org.apache.hadoop.hbase.security.access.Permission;
import org.apache.hadoop.hbase.security.access.UserPermission;
import org.apache.hadoop.hbase.util.ByteArrayHashKey;
import org.apache.hadoop.hbase.util.Bytes;
import org.apache.hadoop.hbase.util.MD5Hash;
import org.apache.hadoop.hbase.util.MurmurHash3;

/**
 * HBase's own client, driven by lines: the judge of tests. Started with ZooKeeper's host:port, it reads a command a line, fields separated
 * by tabs, and answers each with lines of which the last is "ok" or "error", a tab and the message. Names of tables and families are text;
 * rows, qualifiers and values are hexadecimal. It ends with its input, and what was put and not flushed is lost then.
 */
public class HBaseTool {
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(40);

    private final Configuration conf = HBaseConfiguration.create();
    private final Map<TableName, BufferedMutator> puts = new HashMap<>();
    private final PrintStream out;
    private Connection connection;
    private Admin admin;

    private HBaseTool(String address, PrintStream out) {
        this.out = out;
        int colon = address.lastIndexOf(':');
        conf.set("hbase.zookeeper.quorum", address.substring(0, colon));
        conf.set("hbase.zookeeper.property.clientPort", address.substring(colon + 1));
        // a server that cannot be reached is an error in less than half a minute
        conf.setInt("zookeeper.recovery.retry", 2);
        conf.setInt("hbase.client.retries.number", 9);
        conf.setInt("hbase.rpc.timeout", 10_000);
        conf.setInt("hbase.client.operation.timeout", 20_000);
        conf.setInt("hbase.client.meta.operation.timeout", 20_000);
        conf.setInt("hbase.client.scanner.timeout.period", 20_000);
        conf.setInt("hbase.client.sync.wait.timeout.msec", 50_000);
    }

    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);
        System.setOut(System.err); // for what libraries say
        HBaseTool tool = new HBaseTool(args[0], out);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            try {
                tool.run(line.split("\t", -1));
                out.print("ok\n");
            } catch (Exception e) {
                out.print("error\t" + e.toString().replaceAll("\\s+", " ") + "\n");
            }
            // answers to commands that came together go together
            if (!in.ready()) {
                out.flush();
            }
        }
        System.exit(0);
    }

    private void run(String[] f) throws Exception {
        switch (f[0]) { // what needs no server
            case "phoenix-encode" -> {
                out.print(Bytes.toHex(PhoenixTypes.encode(f[1], f[2])) + "\n");
                return;
            }
            case "phoenix-decode" -> {
                out.print(PhoenixTypes.decode(f[1], bytes(f[2])) + "\n");
                return;
            }
            case "hash" -> {
                out.print(Bytes.toHex(hash(f[1], bytes(f[2]))) + "\n");
                return;
            }
            default -> {
            }
        }
        if (connection == null) {
            connection = ConnectionFactory.createConnection(conf);
            admin = connection.getAdmin();
        }
        switch (f[0]) {
            case "create" -> create(name(f), f[2], f.length > 3 ? f[3] : "");
            case "put" -> put(name(f), f);
            case "flush" -> flush();
            case "scan" -> scan(name(f), f.length > 2 ? Integer.parseInt(f[2]) : 1);
            case "grant" -> admin.grant(new UserPermission(f[2], Permission.newBuilder(name(f)).withActions(Permission.Action.READ).build()), false);
            case "generate" -> generate(name(f), Integer.parseInt(f[2]), f.length < 4);
            case "sparse" -> sparse(name(f), Integer.parseInt(f[2]), Integer.parseInt(f[3]));
            case "read" -> read(name(f), Integer.parseInt(f[2]));
            case "delete" -> delete(name(f), bytes(f[2]));
            case "drop" -> drop(name(f));
            case "sweep" -> sweep(f[1]);
            case "disable" -> admin.disableTable(name(f));
            case "enable" -> admin.enableTable(name(f));
            case "memory" -> admin.modifyTable(TableDescriptorBuilder.newBuilder(admin.getDescriptor(name(f))).setMemStoreFlushSize(Long.parseLong(f[2])).build());
            case "tables" -> tables();
            case "regions" -> regions(name(f));
            case "hosts" -> hosts(name(f));
            case "move" -> move(name(f), bytes(f[2]), f[3]);
            case "split" -> split(name(f), bytes(f[2]));
            case "merge" -> merge(name(f));
            case "flushtable" -> admin.flush(name(f));
            case "compact" -> compact(name(f));
            case "shutdown" -> admin.shutdown();
            default -> throw new IllegalArgumentException("no command " + f[0]);
        }
    }

    /** The hashes by which programs spread rows. */
    private static byte[] hash(String name, byte[] key) {
        return switch (name) {
            case "md5_hex" -> Bytes.toBytes(MD5Hash.getMD5AsHex(key));
            case "murmur3" -> Bytes.toBytes(MurmurHash3.getInstance().hash(new ByteArrayHashKey(key, 0, key.length), 0));
            default -> throw new IllegalArgumentException("no hash " + name);
        };
    }

    private static TableName name(String[] f) {
        return TableName.valueOf(f[1]);
    }

    private static byte[] bytes(String hex) {
        return Bytes.fromHex(hex);
    }

    private void create(TableName name, String families, String keys) throws IOException {
        try {
            admin.createNamespace(NamespaceDescriptor.create(name.getNamespaceAsString()).build());
        } catch (NamespaceExistException e) {
            // as it should be
        }
        TableDescriptorBuilder table = TableDescriptorBuilder.newBuilder(name);
        for (String family : families.split(",")) {
            String[] parts = family.split(":");
            ColumnFamilyDescriptorBuilder b = ColumnFamilyDescriptorBuilder.newBuilder(Bytes.toBytes(parts[0]));
            if (parts.length > 1) {
                b.setMaxVersions(Integer.parseInt(parts[1]));
            }
            table.setColumnFamily(b.build());
        }
        if (keys.isEmpty()) {
            admin.createTable(table.build());
        } else {
            admin.createTable(table.build(), Arrays.stream(keys.split(",")).map(HBaseTool::bytes).toArray(byte[][]::new));
        }
    }

    private void put(TableName name, String[] f) throws IOException {
        BufferedMutator m = puts.get(name);
        if (m == null) {
            m = connection.getBufferedMutator(name);
            puts.put(name, m);
        }
        Put put = new Put(bytes(f[2]));
        if (f.length > 6) {
            put.addColumn(Bytes.toBytes(f[3]), bytes(f[4]), Long.parseLong(f[6]), bytes(f[5]));
        } else {
            put.addColumn(Bytes.toBytes(f[3]), bytes(f[4]), bytes(f[5]));
        }
        m.mutate(put);
    }

    /** Sends what was put and forgets it, also when the server refuses it. */
    private void flush() throws IOException {
        List<BufferedMutator> all = new ArrayList<>(puts.values());
        puts.clear();
        IOException failed = null;
        for (BufferedMutator m : all) {
            try {
                m.close();
            } catch (IOException e) {
                failed = e;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    private void scan(TableName name, int versions) throws IOException {
        Scan scan = new Scan().readVersions(versions).setCaching(1000).setCacheBlocks(false);
        try (Table table = connection.getTable(name); ResultScanner rows = table.getScanner(scan)) {
            for (Result row : rows) {
                for (Cell c : row.rawCells()) {
                    out.print(Bytes.toHex(CellUtil.cloneRow(c)) + "\t" + Bytes.toString(CellUtil.cloneFamily(c)) + "\t"
                        + Bytes.toHex(CellUtil.cloneQualifier(c)) + "\t" + c.getTimestamp() + "\t" + Bytes.toHex(CellUtil.cloneValue(c)) + "\n");
                }
            }
        }
    }

    /** Puts so many rows of six cells, the same every time, past the log: they are durable once the table is flushed, which may be left out. */
    private void generate(TableName name, int rows, boolean flush) throws IOException {
        byte[] family = Bytes.toBytes("f");
        try (BufferedMutator m = connection.getBufferedMutator(name)) {
            for (int i = 0; i < rows; i++) {
                Put put = new Put(Bytes.toBytes(String.format("k%09d", i))).setDurability(Durability.SKIP_WAL);
                put.addColumn(family, Bytes.toBytes("amount"), Bytes.toBytes(i * 31L % 100003));
                put.addColumn(family, Bytes.toBytes("customer"), Bytes.toBytes("customer " + i * 7919L % 5003));
                put.addColumn(family, Bytes.toBytes("note"), Bytes.toBytes("order " + i + ": with care, nummer " + i * 17L % 1009 + ", to be left at the door"));
                put.addColumn(family, Bytes.toBytes("paid"), Bytes.toBytes(i % 3 == 0));
                put.addColumn(family, Bytes.toBytes("revision"), Bytes.toBytes(i % 7));
                put.addColumn(family, Bytes.toBytes("weight"), Bytes.toBytes(i % 30_011 / 7.0));
                m.mutate(put);
            }
        }
        if (flush) {
            admin.flush(name);
        }
    }

    /**
     * Puts so many rows of 5 to 40 cells in the families a, b and c, the same every time, and a last one of so many cells. Keys are of any bytes; a has
     * texts, b longs, c other bytes, and one qualifier in fifty is one of 20,000.
     */
    private void sparse(TableName name, int rows, int cells) throws IOException {
        try (BufferedMutator m = connection.getBufferedMutator(name)) {
            for (int i = 0; i < rows; i++) {
                m.mutate(sparseRow(i));
            }
            for (int i = 0; i < cells; i++) {
                m.mutate(new Put(new byte[] {(byte) 0xFF, 0, (byte) 0xFF}).setDurability(Durability.SKIP_WAL)
                    .addColumn(Bytes.toBytes("c"), Bytes.toBytes(String.format("w%06d", i)), Bytes.toBytes("wide " + i)));
            }
        }
        admin.flush(name);
    }

    private static Put sparseRow(int i) {
        SplittableRandom random = new SplittableRandom(i);
        int head = random.nextInt(); // spreads rows, 0x00 and 0xFF among the bytes
        Put put = new Put(Bytes.add(Bytes.toBytes(head), Bytes.toBytes((long) i))).setDurability(Durability.SKIP_WAL);
        Set<String> taken = new HashSet<>();
        for (int n = 5 + random.nextInt(36); n > 0; n--) {
            int family = random.nextInt(3);
            String qualifier = random.nextInt(50) == 0 ? String.format("x%05d", random.nextInt(20_000)) : String.format("q%02d", random.nextInt(20));
            if (!taken.add(family + qualifier)) {
                continue;
            }
            byte[] value = switch (family) {
                case 0 -> Bytes.toBytes("d\u00e9tail \"" + random.nextInt(10_000) + "\" \ud83d\udef6\n" + "x".repeat(random.nextInt(20)));
                case 1 -> Bytes.toBytes(random.nextLong() >> random.nextInt(64));
                default -> otherBytes(random);
            };
            put.addColumn(new byte[] {(byte) ('a' + family)}, Bytes.toBytes(qualifier), value);
        }
        return put;
    }

    private static byte[] otherBytes(SplittableRandom random) {
        byte[] value = new byte[1 + random.nextInt(24)];
        random.nextBytes(value);
        value[0] = (byte) 0xFF;
        return value;
    }

    /** Reads a table to nothing and prints rows, cells, bytes of values and milliseconds. */
    private void read(TableName name, int caching) throws IOException {
        Scan scan = new Scan().setCaching(caching).setCacheBlocks(false);
        long began = System.nanoTime();
        long rows = 0;
        long cells = 0;
        long size = 0;
        try (Table table = connection.getTable(name); ResultScanner results = table.getScanner(scan)) {
            for (Result row : results) {
                rows++;
                for (Cell c : row.rawCells()) {
                    cells++;
                    size += c.getValueLength();
                }
            }
        }
        out.print(rows + "\t" + cells + "\t" + size + "\t" + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began) + "\n");
    }

    private void delete(TableName name, byte[] row) throws IOException {
        try (Table table = connection.getTable(name)) {
            table.delete(new Delete(row));
        }
    }

    /** Drops all tables whose names begin so, side by side. */
    private void sweep(String prefix) throws Exception {
        List<TableName> names = new ArrayList<>();
        List<Future<Void>> disabled = new ArrayList<>();
        List<Future<Void>> deleted = new ArrayList<>();
        for (TableName name : admin.listTableNames()) {
            if (name.getNameAsString().startsWith(prefix)) {
                names.add(name);
                disabled.add(admin.isTableEnabled(name) ? admin.disableTableAsync(name) : null);
            }
        }
        for (int i = 0; i < names.size(); i++) {
            if (disabled.get(i) != null) {
                disabled.get(i).get();
            }
            deleted.add(admin.deleteTableAsync(names.get(i)));
        }
        for (Future<Void> one : deleted) {
            one.get();
        }
    }

    private void drop(TableName name) throws IOException {
        BufferedMutator m = puts.remove(name);
        if (m != null) {
            try {
                m.close();
            } catch (IOException e) {
                // what it could not write goes with the table
            }
        }
        if (!admin.tableExists(name)) {
            return;
        }
        if (admin.isTableEnabled(name)) {
            admin.disableTable(name);
        }
        admin.deleteTable(name);
    }

    private void tables() throws IOException {
        for (TableName name : admin.listTableNames()) {
            out.print(name.getNameWithNamespaceInclAsString() + "\n");
        }
    }

    private void regions(TableName name) throws IOException {
        for (RegionInfo r : admin.getRegions(name)) {
            out.print(Bytes.toHex(r.getStartKey()) + "\t" + Bytes.toHex(r.getEndKey()) + "\n");
        }
    }

    /** Prints where each region is served, in the order of their keys. */
    private void hosts(TableName name) throws IOException {
        connection.clearRegionLocationCache();
        try (RegionLocator locator = connection.getRegionLocator(name)) {
            for (HRegionLocation at : locator.getAllRegionLocations()) {
                out.print(at.getHostnamePort() + "\n");
            }
        }
    }

    /** Moves the region that holds the key to the server at host:port. */
    private void move(TableName name, byte[] key, String address) throws Exception {
        ServerName to = admin.getRegionServers().stream().filter(s -> s.getAddress().toString().equals(address)).findFirst()
            .orElseThrow(() -> new IOException("no region server at " + address));
        byte[] region;
        try (RegionLocator locator = connection.getRegionLocator(name)) {
            region = locator.getRegionLocation(key, true).getRegion().getEncodedNameAsBytes();
        }
        admin.move(region, to);
        opened(name);
    }

    private void split(TableName name, byte[] key) throws Exception {
        int before = admin.getRegions(name).size();
        byte[] region;
        try (RegionLocator locator = connection.getRegionLocator(name)) {
            region = locator.getRegionLocation(key, true).getRegion().getRegionName();
        }
        reshape(name, () -> admin.splitRegionAsync(region, key));
        await(name, () -> admin.getRegions(name).size() > before);
        opened(name);
    }

    private void merge(TableName name) throws Exception {
        byte[][] regions = admin.getRegions(name).stream().map(RegionInfo::getRegionName).toArray(byte[][]::new);
        if (regions.length > 1) {
            reshape(name, () -> admin.mergeRegionsAsync(regions, true));
            await(name, () -> admin.getRegions(name).size() == 1);
        }
        opened(name);
    }

    /** Does a split or merge. It is refused while files or the catalog still refer to earlier ones; compacting and cleaning end that. */
    private void reshape(TableName name, Callable<Future<Void>> change) throws Exception {
        for (long end = System.nanoTime() + PATIENCE;;) {
            try {
                change.call().get(50, TimeUnit.SECONDS);
                return;
            } catch (IOException | ExecutionException e) {
                String message = e.toString();
                if (System.nanoTime() > end || !(message.contains("splittable") || message.contains("mergeable") || message.contains("qualifier"))) {
                    throw e;
                }
            }
            compact(name);
            Thread.sleep(1000);
            admin.runCatalogJanitor();
        }
    }

    private void compact(TableName name) throws Exception {
        admin.majorCompact(name);
        // it begins some time after it was asked for
        Thread.sleep(300);
        await(name, () -> admin.getCompactionState(name) == CompactionState.NONE);
    }

    /** Returns when every region answers. */
    private void opened(TableName name) throws IOException {
        connection.clearRegionLocationCache();
        try (Table table = connection.getTable(name)) {
            for (RegionInfo r : admin.getRegions(name)) {
                table.exists(new Get(r.getStartKey().length > 0 ? r.getStartKey() : new byte[1]));
            }
        }
    }

    private static void await(TableName name, Callable<Boolean> done) throws Exception {
        for (long end = System.nanoTime() + PATIENCE; !done.call();) {
            if (System.nanoTime() > end) {
                throw new IOException("nothing came of it: " + name);
            }
            Thread.sleep(50);
        }
    }
}
