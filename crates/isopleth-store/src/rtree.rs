//! The R-tree of a table that is finished: packed, and written node by node.
//!
//! Inserting into SQLite's R-tree one by one costs as much as all else of an export together. The
//! nodes are therefore packed here (sort-tile-recursive: strips of equal count by longitude, each
//! sorted by latitude) and written into the tables under the R-tree, whose format SQLite documents
//! and keeps: a node is a depth (root only) and a count of 16 bits, then cells of an id of 64 bits
//! and four 32-bit floats, all big endian. SQLite's own `rtreecheck` accepts the result.

use rusqlite::Connection;

use crate::StoreError;
use crate::geometry::{Bounds, bounds_of};
use crate::geopackage::{GEOMETRY_COLUMN, declare_extension, quoted};

/// Cells of a node; SQLite's own limit.
const CELLS: usize = 51;

const CELL_BYTES: usize = 8 + 4 * 4;

/// What the root says it is.
const ROOT: i64 = 1;

/// A feature or a node with its box, rounded outwards to what the index can hold.
#[derive(Debug, Clone, Copy)]
struct Cell {
    id: i64,
    low: [f32; 2],
    high: [f32; 2],
}

/// Gives a feature table its R-tree with the triggers of the standard; returns the extent of the
/// table and the number of its rows.
pub(crate) fn build(
    connection: &Connection,
    table: &str,
) -> Result<(Option<Bounds>, u64), StoreError> {
    let index = format!("rtree_{table}_{GEOMETRY_COLUMN}");
    let name = quoted(&index);
    let (cells, extent, rows) = read(connection, table)?;
    connection.execute_batch(&format!(
        "CREATE VIRTUAL TABLE {name} USING rtree(id, minx, maxx, miny, maxy)"
    ))?;
    write(connection, &index, cells)?;
    let triggers = include_str!("sql/rtree_triggers.sql")
        .replace("{r}", &index.replace('"', "\"\""))
        .replace("{t}", &table.replace('"', "\"\""))
        .replace("{c}", GEOMETRY_COLUMN)
        .replace("{i}", "fid");
    connection.execute_batch(&triggers)?;
    let definition = "http://www.geopackage.org/spec130/#extension_rtree";
    declare_extension(
        connection,
        table,
        Some(GEOMETRY_COLUMN),
        "gpkg_rtree_index",
        definition,
        "write-only",
    )?;
    Ok((extent, rows))
}

/// The cells of a table's features, the exact extent, and the number of rows.
fn read(
    connection: &Connection,
    table: &str,
) -> Result<(Vec<Cell>, Option<Bounds>, u64), StoreError> {
    let sql = format!(
        "SELECT fid, {GEOMETRY_COLUMN} FROM {} NOT INDEXED",
        quoted(table)
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let (mut cells, mut extent, mut count) = (Vec::new(), None::<Bounds>, 0);
    while let Some(row) = rows.next()? {
        count += 1;
        let Some(blob) = row
            .get_ref(1)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?
        else {
            continue;
        };
        let id = row.get(0)?;
        let b = bounds_of(blob).ok_or_else(|| StoreError::Corrupt {
            detail: format!("the geometry of row {id} of `{table}`"),
        })?;
        extent = Some(extent.map_or(b, |e| {
            [
                e[0].min(b[0]),
                e[1].min(b[1]),
                e[2].max(b[2]),
                e[3].max(b[3]),
            ]
        }));
        cells.push(Cell {
            id,
            low: [down(b[0]), down(b[1])],
            high: [up(b[2]), up(b[3])],
        });
    }
    Ok((cells, extent, count))
}

fn down(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value {
        near.next_down()
    } else {
        near
    }
}

fn up(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value {
        near.next_up()
    } else {
        near
    }
}

/// Fills the tables under an empty R-tree.
fn write(connection: &Connection, index: &str, mut cells: Vec<Cell>) -> Result<(), StoreError> {
    let sub = |part: &str| quoted(&format!("{index}_{part}"));
    let mut node = connection.prepare(&format!(
        "INSERT OR REPLACE INTO {} (nodeno, data) VALUES (?1, ?2)",
        sub("node")
    ))?;
    let mut parent = connection.prepare(&format!(
        "INSERT INTO {} (nodeno, parentnode) VALUES (?1, ?2)",
        sub("parent")
    ))?;
    let mut leaf_of: Vec<(i64, i64)> = Vec::with_capacity(cells.len());

    // The root may come out smaller than the others but has their length: SQLite takes the length
    // of a node from it.
    let mut depth = 0_u16;
    let mut next = ROOT + 1;
    while cells.len() > CELLS {
        tile(&mut cells);
        let mut above = Vec::with_capacity(cells.len().div_ceil(CELLS));
        for members in cells.chunks(CELLS) {
            node.execute((next, bytes(0, members)))?;
            for cell in members {
                if depth == 0 {
                    leaf_of.push((cell.id, next));
                } else {
                    parent.execute((cell.id, next))?;
                }
            }
            above.push(around(next, members));
            next += 1;
        }
        cells = above;
        depth += 1;
    }
    node.execute((ROOT, bytes(depth, &cells)))?;
    for cell in &cells {
        if depth == 0 {
            leaf_of.push((cell.id, ROOT));
        } else {
            parent.execute((cell.id, ROOT))?;
        }
    }

    let mut leaf = connection.prepare(&format!(
        "INSERT INTO {} (rowid, nodeno) VALUES (?1, ?2)",
        sub("rowid")
    ))?;
    leaf_of.sort_unstable();
    for pair in leaf_of {
        leaf.execute(pair)?;
    }
    Ok(())
}

/// Puts cells into an order in which neighbours make good nodes.
fn tile(cells: &mut [Cell]) {
    let middle = |cell: &Cell, axis: usize| cell.low[axis] + cell.high[axis];
    let by = |axis: usize| {
        move |a: &Cell, b: &Cell| {
            middle(a, axis)
                .total_cmp(&middle(b, axis))
                .then(a.id.cmp(&b.id))
        }
    };
    let strips = (cells.len().div_ceil(CELLS) as f64).sqrt().ceil() as usize;
    let strip = cells.len().div_ceil(strips).div_ceil(CELLS) * CELLS;
    cells.sort_unstable_by(by(0));
    for part in cells.chunks_mut(strip) {
        part.sort_unstable_by(by(1));
    }
}

fn around(id: i64, cells: &[Cell]) -> Cell {
    let mut all = Cell { id, ..cells[0] };
    for cell in cells {
        for axis in 0..2 {
            all.low[axis] = all.low[axis].min(cell.low[axis]);
            all.high[axis] = all.high[axis].max(cell.high[axis]);
        }
    }
    all
}

fn bytes(depth: u16, cells: &[Cell]) -> Vec<u8> {
    let mut data = Vec::with_capacity(4 + CELLS * CELL_BYTES);
    data.extend(depth.to_be_bytes());
    data.extend((cells.len() as u16).to_be_bytes());
    for cell in cells {
        data.extend(cell.id.to_be_bytes());
        for axis in 0..2 {
            data.extend(cell.low[axis].to_be_bytes());
            data.extend(cell.high[axis].to_be_bytes());
        }
    }
    data.resize(4 + CELLS * CELL_BYTES, 0);
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn sqlite_accepts_the_tree_and_finds_what_a_scan_finds(
            n in prop_oneof![0..3_usize, 45..60_usize, 2500..2800_usize, 0..9000_usize],
            salt in any::<u64>(),
        ) {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE VIRTUAL TABLE t USING rtree(id, minx, maxx, miny, maxy)").unwrap();
            let mut state = salt;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f64 / f64::from(1 << 24)
            };
            let boxes: Vec<(i64, Bounds)> = (0..n as i64).map(|i| {
                let (x, y) = (random() * 3.0 - 1.0, random() + 51.0);
                (i * 3 + 1, [x, y, x + random() * 0.01, y + random() * 0.01])
            }).collect();
            let cells = boxes.iter().map(|(id, b)| Cell {
                id: *id, low: [down(b[0]), down(b[1])], high: [up(b[2]), up(b[3])],
            }).collect();
            write(&connection, "t", cells).unwrap();
            let verdict: String = connection.query_row("SELECT rtreecheck('t')", [], |r| r.get(0)).unwrap();
            prop_assert_eq!(verdict, "ok");
            let found: i64 = connection.query_row(
                "SELECT count(*) FROM t WHERE minx <= 0.75 AND maxx >= 0.25 AND miny <= 51.5 AND maxy >= 51.2",
                [], |r| r.get(0)).unwrap();
            let expected = boxes.iter().filter(|(_, b)| {
                down(b[0]) <= 0.75 && up(b[2]) >= 0.25 && down(b[1]) <= 51.5 && up(b[3]) >= 51.2
            }).count();
            prop_assert_eq!(found, expected as i64);
            // It can be edited afterwards like any other.
            connection.execute("INSERT INTO t VALUES (1000000, 0.5, 0.5, 51.3, 51.3)", []).unwrap();
            connection.execute("DELETE FROM t WHERE id % 2 = 1", []).unwrap();
            let verdict: String = connection.query_row("SELECT rtreecheck('t')", [], |r| r.get(0)).unwrap();
            prop_assert_eq!(verdict, "ok");
        }
    }
}
