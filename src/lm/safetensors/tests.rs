//! What a reader of hostile files must do.

use super::*;

fn file(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + data, 1);
    bytes
}

fn refusal(json: &str, data: usize) -> String {
    header(&file(json, data), Path::new("m.safetensors"))
        .unwrap_err()
        .to_string()
}

#[test]
fn tensors_are_found_by_name_and_metadata_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let json = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
    let mut bytes = file(json, 0);
    bytes.extend([1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend([0x80, 0x3f, 0x00, 0xc0]);
    std::fs::write(&path, bytes).unwrap();
    let file = Safetensors::open(&path).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
    let (a, b) = (file.tensor("a").unwrap(), file.tensor("b").unwrap());
    assert_eq!((a.shape, a.numbers()), (&[1, 2][..], vec![1.5, -2.0]));
    assert_eq!((b.format, b.numbers()), (Format::Bf16, vec![1.0, -2.0]));
    assert!(a.check_shape(&[1, 2]).is_ok());
    let wrong = a.check_shape(&[2, 1]).unwrap_err().to_string();
    assert!(
        wrong.contains("m.safetensors") && wrong.contains("\"a\""),
        "{wrong}"
    );
    assert!(
        file.tensor("c")
            .unwrap_err()
            .to_string()
            .contains("missing")
    );
}

#[test]
fn shards_are_read_through_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    for name in ["a", "b"] {
        let json = format!(r#"{{"{name}":{{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}}}"#);
        put(&format!("{name}.safetensors"), &file(&json, 2));
    }
    let index =
        |b: &str| format!(r#"{{"metadata":{{}},"weight_map":{{"a":"a.safetensors","b":"{b}"}}}}"#);
    put(INDEX, index("b.safetensors").as_bytes());
    let file = Safetensors::open(folder.path()).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(file.tensor("b").unwrap().shape, [1]);
    for (shard, expected) in [
        ("a.safetensors", "tensor \"b\" is missing"),
        ("../b.safetensors", "not a plain file name"),
        ("c.safetensors", "c.safetensors"),
    ] {
        put(INDEX, index(shard).as_bytes());
        let error = Safetensors::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_tensor_and_offset() {
    for (json, data, expected) in [
        ("[]", 0, "an object of tensors"),
        ("{\"a\"", 0, "offset 8"),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
            8,
            "needs 4 bytes",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            7,
            "0..8",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[8,0]}}"#,
            8,
            "8..0",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#,
            8,
            "do not lie",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}"#,
            8,
            "makes no sense",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8,
            "listed twice",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
            8,
            "overlaps tensor \"a\"",
        ),
    ] {
        let error = refusal(json, data);
        assert!(
            error.contains(expected) && error.contains("m.safetensors"),
            "{error}"
        );
    }
    let path = Path::new("m.safetensors");
    for length in [u64::MAX, 1 << 62, MAX_HEADER_BYTES + 1, 1] {
        let error = header(&length.to_le_bytes(), path).unwrap_err().to_string();
        assert!(error.contains(&length.to_string()), "{error}");
    }
    assert!(header(&[0; 7], path).is_err());
}

#[test]
fn a_type_that_cannot_be_read_is_refused_only_when_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let json = r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    std::fs::write(&path, file(json, 8)).unwrap();
    let error = Safetensors::open(&path).unwrap().tensor("a").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the type I64; supported are F32"),
        "{error}"
    );
}
