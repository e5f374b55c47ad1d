//! What lies on the disk, as the snapshot's format tells of it.

use crate::platform::mode;
use nix::unistd::{Gid, Group, Uid, User};
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Turns what the system says about files into restic's nodes; remembers users' names.
#[derive(Debug, Default)]
pub(crate) struct Describer {
    users: HashMap<u32, Option<String>>,
    groups: HashMap<u32, Option<String>>,
}

impl Describer {
    /// The node of this name for what lies at `path`, and what of it could not be read.
    pub(crate) fn node(
        &mut self,
        name: &OsStr,
        path: &Path,
        data: &fs::Metadata,
    ) -> io::Result<(Node, Option<io::Error>)> {
        let (kind, type_bits) = kind(path, data)?;
        let time = |seconds, nanos: i64| Timestamp::new(seconds, i32::try_from(nanos).unwrap_or(0)).ok();
        let mtime = time(data.mtime(), data.mtime_nsec());
        let mut meta = Metadata {
            mode: Some(mode::permissions_to_go(data.mode()) | type_bits),
            mtime,
            // The real one changes with each read, and with it every folder's tree.
            atime: mtime,
            ctime: time(data.ctime(), data.ctime_nsec()),
            uid: Some(data.uid()),
            gid: Some(data.gid()),
            user: self.user(data.uid()),
            group: self.group(data.gid()),
            inode: data.ino(),
            device_id: if data.nlink() > 1 && !data.is_dir() { data.dev() } else { 0 },
            size: if data.is_file() { data.len() } else { 0 },
            links: if data.is_dir() { 0 } else { data.nlink() },
            extended_attributes: Vec::new(),
        };
        let problem = read_attributes(path, data, &mut meta).err();
        Ok((Node::new_node(name, kind, meta), problem))
    }

    fn user(&mut self, uid: u32) -> Option<String> {
        let look = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        self.users.entry(uid).or_insert_with(look).clone()
    }

    fn group(&mut self, gid: u32) -> Option<String> {
        let look = || Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name);
        self.groups.entry(gid).or_insert_with(look).clone()
    }
}

fn kind(path: &Path, data: &fs::Metadata) -> io::Result<(NodeType, u32)> {
    let kind = data.file_type();
    Ok(if kind.is_dir() {
        (NodeType::Dir, mode::DIR)
    } else if kind.is_symlink() {
        (NodeType::from_link(&fs::read_link(path)?), mode::SYMLINK)
    } else if kind.is_block_device() {
        (NodeType::Dev { device: data.rdev() }, mode::DEVICE)
    } else if kind.is_char_device() {
        (NodeType::Chardev { device: data.rdev() }, mode::DEVICE | mode::CHARDEVICE)
    } else if kind.is_fifo() {
        (NodeType::Fifo, mode::FIFO)
    } else if kind.is_socket() {
        (NodeType::Socket, mode::SOCKET)
    } else {
        (NodeType::File, 0)
    })
}

fn read_attributes(path: &Path, data: &fs::Metadata, meta: &mut Metadata) -> io::Result<()> {
    if !data.is_file() && !data.is_dir() {
        return Ok(());
    }
    let names = match xattr::list(path) {
        Err(e) if e.kind() == io::ErrorKind::Unsupported => return Ok(()),
        names => names?,
    };
    for name in names {
        // The format holds names as text; Linux has no others in practice.
        if let Some(text) = name.to_str() {
            // rustic_core keeps the attribute's type to itself: only serde can make one.
            let mut one: Metadata = serde_json::from_str(r#"{"extended_attributes":[{"name":"","value":null}]}"#)?;
            for attribute in &mut one.extended_attributes {
                text.clone_into(&mut attribute.name);
                attribute.value = xattr::get(path, &name)?;
            }
            meta.extended_attributes.append(&mut one.extended_attributes);
        }
    }
    Ok(())
}
