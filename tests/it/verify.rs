//! `resweep verify` on figures of real runs: identical bytes, or what has changed.

use crate::support::workplace;
use std::fs;
use std::path::Path;

use crate::support::workplace::{Workplace, small_sweep};

const SWEEP: &str = small_sweep!(
    sweep: "name = \"tiny\"\ntitle = \"Plain & residual <nets>\"",
    train: "",
    shortcut: "[\"none\", \"A\"]"
);

const FIGURE: &str = "results/tiny/figure.png";

/// A trained sweep without its sweep file and images.
fn trained() -> Workplace {
    let place = Workplace::trained("tiny.toml", SWEEP);
    fs::remove_dir_all(place.path().join("images")).expect("the images");
    fs::remove_file(place.path().join("tiny.toml")).expect("the sweep file");
    place
}

/// The output of `verify` for a figure that differs.
fn changes(place: &Workplace, figure: &str) -> String {
    let assert = place.resweep(&["verify", figure]).assert().code(1);
    String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8")
}

/// The error of `verify` for a file that it cannot check.
fn refusal(place: &Workplace, args: &[&str]) -> String {
    let assert = place.resweep(args).assert().code(3);
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

#[test]
fn a_sweep_file_stands_for_its_figures() {
    let place = Workplace::trained("tiny.toml", SWEEP);
    let said = place.stdout(&["verify", "tiny.toml"]);
    assert!(said.contains("identical, byte for byte"), "{said}");
    fs::remove_dir_all(place.path().join("results/tiny")).expect("the figures");
    for name in ["tiny", "tiny.toml"] {
        let said = refusal(&place, &["verify", name]);
        assert_eq!(
            said,
            "error: `results/tiny` has no figure; `resweep plot` draws it\n"
        );
    }
}

/// The chunks of a PNG (W3C specification): a length, a type, the data and a CRC.
fn chunks(png: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut rest = &png[8..];
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let kind = String::from_utf8(after[..4].to_vec()).expect("ASCII");
        chunks.push((kind, after[4..4 + length].to_vec()));
        rest = &after[4 + length + 4..];
    }
    chunks
}

fn write(place: &Workplace, name: &str, bytes: &[u8]) {
    fs::write(place.path().join(name), bytes).expect("a file");
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file")
}

#[test]
fn a_figure_is_verified_without_sweep_file_and_images() {
    let place = trained();
    let said = place.stdout(&["verify", FIGURE]);
    assert!(said.contains("identical, byte for byte"), "{said}");
    assert!(said.contains("sweep tiny, 2 runs"), "{said}");
}

#[test]
fn figure_metadata_name_runs_sweep_data_and_program() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    let chunks = chunks(&png);
    let kinds: Vec<&str> = chunks.iter().map(|(kind, _)| kind.as_str()).collect();
    let pixels = kinds.iter().position(|kind| *kind == "IDAT");
    let texts = kinds.iter().rposition(|kind| *kind == "iTXt");
    assert!(texts < pixels && texts.is_some(), "{kinds:?}");
    assert!(!kinds.contains(&"tIME"));
    let svg = fs::read_to_string(place.path().join("results/tiny/figure.svg")).expect("the SVG");
    let fingerprints = "SELECT DISTINCT data_fingerprint FROM runs";
    let ids = "SELECT run_id FROM sweep_runs ORDER BY position";
    let known = [ids, fingerprints].map(|query| place.rows("results", query));
    for known in known.concat() {
        assert!(
            png.windows(known.len()).any(|w| w == known.as_bytes()),
            "{known}"
        );
        assert!(svg.contains(&known), "{known}");
    }
    assert!(svg.contains("<fact name=\"version\">0.1.0</fact>"), "{svg}");
}

#[test]
fn changed_measurements_are_reported_per_run() {
    let place = trained();
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[1];
    let changed = place.database("results").execute(
        "UPDATE eval_metrics SET error_percent = error_percent / 2
         WHERE training_id = (SELECT id FROM trainings WHERE run_id = ?1)",
        [id],
    );
    assert_eq!(changed.expect("an update"), 2);
    place.forget_checksums("results");
    let said = changes(&place, FIGURE);
    assert!(
        said.contains("measured since: ResNet-8 (iteration 6 then, 6 now)"),
        "{said}"
    );
    assert!(!said.contains("plain-8"), "{said}");
    assert!(said.contains("different pixels"), "{said}");
}

#[test]
fn changed_losses_are_reported_for_figures_of_losses_only() {
    let figures =
        "\n[[figure]]\nname = \"error\"\n[[figure]]\nname = \"loss\"\nmeasure = \"loss\"\n";
    let place = Workplace::trained("tiny.toml", &format!("{SWEEP}{figures}"));
    let sql = "UPDATE train_metrics SET loss = loss / 2 WHERE training_id = 1";
    let changed = place.database("results").execute(sql, []);
    assert_eq!(changed.expect("an update"), 3);
    place.forget_checksums("results");
    place.stdout(&["verify", "results/tiny/error.png"]);
    let said = changes(&place, "results/tiny/loss.png");
    assert_eq!(said.matches("measured since").count(), 1, "{said}");
}

#[test]
fn missing_measurements_are_reported() {
    let place = trained();
    let id = &place.rows("results", "SELECT run_id FROM sweep_runs ORDER BY position")[0];
    for table in ["train_metrics", "eval_metrics"] {
        let sql = format!(
            "DELETE FROM {table}
             WHERE training_id = (SELECT id FROM trainings WHERE run_id = ?1)"
        );
        place.database("results").execute(&sql, [id]).expect("rows");
    }
    place.forget_checksums("results");
    let said = changes(&place, FIGURE);
    assert!(
        said.contains("missing from the database: measurements of plain-8"),
        "{said}"
    );
}

#[test]
fn replaced_sweep_is_reported_with_its_runs() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    write(&place, "old.png", &png);
    workplace::write_images(&place.path().join("images"));
    let other = SWEEP.replace("[\"none\", \"A\"]", "[\"none\", \"B\"]");
    write(&place, "tiny.toml", other.as_bytes());
    place.stdout(&["run", "tiny.toml"]);
    let said = changes(&place, "old.png");
    assert!(said.contains("sweep: "), "{said}");
    assert!(said.contains("no longer in the figure: run "), "{said}");
    assert!(said.contains("new in the figure: ResNet-8 B"), "{said}");
    let said = place.stdout(&["verify", FIGURE]);
    assert!(said.contains("identical"), "{said}");
}

#[test]
fn equivalent_sweep_file_gives_the_same_bytes() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    write(&place, "old.png", &png);
    workplace::write_images(&place.path().join("images"));
    let other = format!("# a remark\n{}", SWEEP.replace("0.05", "5e-2"));
    write(&place, "tiny.toml", other.as_bytes());
    place.stdout(&["run", "tiny.toml"]);
    place.stdout(&["verify", "old.png"]);
    assert_eq!(read(&place.path().join(FIGURE)), png);
}

#[test]
fn forged_metadata_are_detected() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("4 bytes"));
    // The file's own text chunks before the pixels of a blank picture of its size.
    let mut forged = Vec::new();
    let mut encoder = png::Encoder::new(&mut forged, size(16), size(20));
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("a header");
    for (kind, data) in chunks(&png) {
        if kind == "iTXt" || kind == "zTXt" {
            let kind = png::chunk::ChunkType(kind.as_bytes().try_into().expect("4 bytes"));
            writer.write_chunk(kind, &data).expect("a chunk");
        }
    }
    let pixels = vec![255; (size(16) * size(20) * 4) as usize];
    writer.write_image_data(&pixels).expect("pixels");
    drop(writer);
    write(&place, "forged.png", &forged);
    let said = changes(&place, "forged.png");
    assert!(
        said.contains("different pixels, although nothing else"),
        "{said}"
    );
}

#[test]
fn other_files_are_rejected_with_a_reason() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    write(&place, "text.png", b"hello");
    write(&place, "cut.png", &png[..png.len() / 2]);
    write(&place, "head.png", &png[..60]);
    let image = image::RgbImage::new(4, 4);
    image.save(place.path().join("other.png")).expect("a PNG");
    let huge = fs::File::create(place.path().join("huge.png")).expect("a file");
    huge.set_len(10_000_000_000).expect("a sparse file");
    for (name, reason) in [
        ("text.png", "it is not a PNG"),
        ("cut.png", "it is cut off or damaged"),
        ("head.png", "it is cut off or damaged"),
        ("other.png", "it has no resweep metadata"),
        ("huge.png", "it is larger than 64 MB"),
        ("nothing.png", "No such file"),
    ] {
        let said = refusal(&place, &["verify", name]);
        assert!(said.contains(reason), "{name}: {said}");
        assert!(said.contains(&format!("cannot verify `{name}`")), "{said}");
    }
    let said = refusal(&place, &["verify", "results"]);
    assert!(said.contains("`results` has no figure"), "{said}");
    let said = refusal(&place, &["verify", FIGURE, "--results", "elsewhere"]);
    assert!(
        said.contains("the results folder elsewhere does not exist"),
        "{said}"
    );
    fs::create_dir(place.path().join("elsewhere")).expect("a folder");
    let said = refusal(&place, &["verify", FIGURE, "--results", "elsewhere"]);
    assert!(said.contains("has no sweep `tiny`"), "{said}");
}

#[test]
fn malformed_metadata_are_handled() {
    let place = trained();
    let png = read(&place.path().join(FIGURE));
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("4 bytes"));
    for (key, value) in [
        ("runs", "é\u{1b}[31m 0 0"),
        ("runs", "0123456789abcdef0123 x notanumber"),
        ("sweep", "\u{1b}[31m"),
        ("figure", "../../etc/passwd"),
        ("format", "99"),
    ] {
        let mut encoded = Vec::new();
        let mut encoder = png::Encoder::new(&mut encoded, size(16), size(20));
        let genuine = [
            ("format", "1"),
            ("sweep", "tiny"),
            ("figure", "figure"),
            ("runs", ""),
        ];
        for (name, usual) in genuine {
            let text = if name == key { value } else { usual };
            let chunk = encoder.add_itxt_chunk(format!("resweep:{name}"), text.to_owned());
            chunk.expect("a chunk");
        }
        let mut writer = encoder.write_header().expect("a header");
        let pixels = vec![255; (size(16) * size(20)) as usize];
        writer.write_image_data(&pixels).expect("pixels");
        drop(writer);
        write(&place, "tampered.png", &encoded);
        let assert = place
            .resweep(&["verify", "tampered.png"])
            .assert()
            .failure();
        let output = assert.get_output();
        let said = [output.stdout.clone(), output.stderr.clone()].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
