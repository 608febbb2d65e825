//! Writes the Rust messages of the contract: `kasir-gen PROTO_ROOT OUT_DIR` compiles every `.proto` under
//! `PROTO_ROOT` and writes one file per package (`kasir.v1.rs`) into `OUT_DIR`.
//!
//! protox compiles the files in Rust, so that no `protoc` has to be installed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(proto_root), Some(out_dir), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: kasir-gen PROTO_ROOT OUT_DIR".into());
    };
    let mut files = Vec::new();
    collect_protos(&proto_root, &mut files)?;
    if files.is_empty() {
        return Err(format!("no .proto file under {}", proto_root.display()).into());
    }
    // Directory order differs between machines; the generated file must not.
    files.sort();
    let descriptors = protox::compile(&files, [&proto_root])?;
    fs::create_dir_all(&out_dir)?;
    prost_build::Config::new()
        .out_dir(&out_dir)
        // Maps keep one order, so that the same message always has the same bytes.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}

/// Adds every `.proto` file under `folder`, at any depth, to `files`.
fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
