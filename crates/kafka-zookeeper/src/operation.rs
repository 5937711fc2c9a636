//! The requests that are made, and what their answers say (`zookeeper.jute` of ZooKeeper 3.4).

use crate::jute::{Malformed, Reader, Writer};

/// Version of a node for which any will do.
pub(crate) const ANY_VERSION: i32 = -1;

/// Kinds of requests (`org.apache.zookeeper.ZooDefs.OpCode`).
pub(crate) mod code {
    pub(crate) const CREATE: i32 = 1;
    pub(crate) const DELETE: i32 = 2;
    pub(crate) const EXISTS: i32 = 3;
    pub(crate) const GET_DATA: i32 = 4;
    pub(crate) const SET_DATA: i32 = 5;
    pub(crate) const GET_CHILDREN: i32 = 8;
    pub(crate) const PING: i32 = 11;
    pub(crate) const CLOSE_SESSION: i32 = -11;
}

/// Request ids that are no answer to a call (`org.apache.zookeeper.ClientCnxn`).
pub(crate) mod xid {
    pub(crate) const NOTIFICATION: i32 = -1;
    pub(crate) const PING: i32 = -2;
}

/// What ZooKeeper knows about a node. Transaction ids are in the order in which the ensemble carried out what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The transaction that made the node.
    pub created_zxid: i64,
    /// The transaction that last wrote its data.
    pub written_zxid: i64,
    /// When it was made, in milliseconds since 1970 UTC by the leader's clock.
    pub created_ms: i64,
    /// When its data was last written, in the same unit.
    pub written_ms: i64,
    /// How often its data was written: what [`crate::Session::set_data`] compares.
    pub version: i32,
    /// The session that holds an ephemeral node; 0 for a node that stays.
    pub owner_session: i64,
}

/// What a request is about: in errors, and behind its header.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) code: i32,
    pub(crate) name: &'static str,
    /// The node, chroot included.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

// === impl Operation ===

impl Operation {
    fn new(code: i32, name: &'static str, path: &str, body: Writer) -> Self {
        Self {
            code,
            name,
            path: path.to_owned(),
            body: body.0,
        }
    }

    pub(crate) fn exists(path: &str) -> Self {
        Self::new(code::EXISTS, "exists", path, of_path(path))
    }

    pub(crate) fn data(path: &str) -> Self {
        Self::new(code::GET_DATA, "getData", path, of_path(path))
    }

    pub(crate) fn children(path: &str) -> Self {
        Self::new(code::GET_CHILDREN, "getChildren", path, of_path(path))
    }

    pub(crate) fn set_data(path: &str, data: &[u8], version: i32) -> Self {
        let mut body = Writer::default();
        body.string(path).buffer(data).i32(version);
        Self::new(code::SET_DATA, "setData", path, body)
    }

    pub(crate) fn delete(path: &str, version: i32) -> Self {
        let mut body = Writer::default();
        body.string(path).i32(version);
        Self::new(code::DELETE, "delete", path, body)
    }

    /// With the access list that Kafka gives nodes where ZooKeeper asks for no login (`ZooDefs.Ids.OPEN_ACL_UNSAFE`).
    pub(crate) fn create(path: &str, data: &[u8], ephemeral: bool) -> Self {
        const ALL_RIGHTS: i32 = 31;
        let mut body = Writer::default();
        body.string(path).buffer(data);
        body.i32(1).i32(ALL_RIGHTS).string("world").string("anyone");
        body.i32(i32::from(ephemeral));
        Self::new(code::CREATE, "create", path, body)
    }

    pub(crate) fn close_session() -> Self {
        Self::new(code::CLOSE_SESSION, "closeSession", "", Writer::default())
    }

    /// The whole frame, length included.
    pub(crate) fn frame(&self, xid: i32) -> Vec<u8> {
        let mut request = Writer::default();
        request.i32(xid).i32(self.code);
        request.0.extend(&self.body);
        framed(&request.0)
    }
}

/// A record behind its length.
pub(crate) fn framed(record: &[u8]) -> Vec<u8> {
    let mut frame = Writer::default();
    frame.buffer(record);
    frame.0
}

/// A path without a watch.
fn of_path(path: &str) -> Writer {
    let mut body = Writer::default();
    body.string(path).boolean(false);
    body
}

// === impl Stat ===

impl Stat {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let created_zxid = reader.i64()?;
        let written_zxid = reader.i64()?;
        let created_ms = reader.i64()?;
        let written_ms = reader.i64()?;
        let version = reader.i32()?;
        let _children_version = reader.i32()?;
        let _acl_version = reader.i32()?;
        let owner_session = reader.i64()?;
        let _data_length = reader.i32()?;
        let _children = reader.i32()?;
        let _children_zxid = reader.i64()?;
        Ok(Self {
            created_zxid,
            written_zxid,
            created_ms,
            written_ms,
            version,
            owner_session,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_as_zookeeper_reads_it() {
        // Length, xid, exists, path behind its length, no watch.
        let expected = [0, 0, 0, 15, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 2, b'/', b'a', 0];
        assert_eq!(Operation::exists("/a").frame(5), expected);
        let expected: Vec<u8> = [
            &[0, 0, 0, 52, 0, 0, 0, 6, 0, 0, 0, 1][..],
            &[0, 0, 0, 2, b'/', b'a', 0, 0, 0, 1, b'x'],
            &[0, 0, 0, 1, 0, 0, 0, 31],
            &[0, 0, 0, 5, b'w', b'o', b'r', b'l', b'd'],
            &[0, 0, 0, 6, b'a', b'n', b'y', b'o', b'n', b'e'],
            &[0, 0, 0, 1],
        ]
        .concat();
        assert_eq!(expected.len(), 56 - 2);
        assert_eq!(Operation::create("/a", b"x", true).frame(6)[4..], expected[4..]);
    }

    #[test]
    fn a_stat_is_68_bytes() {
        let mut writer = Writer::default();
        writer.i64(1).i64(2).i64(3).i64(4).i32(5).i32(6).i32(7).i64(8);
        writer.i32(9).i32(10).i64(11);
        assert_eq!(writer.0.len(), 68);
        let stat = Stat::read(&mut Reader::new(&writer.0)).unwrap();
        assert_eq!((stat.created_zxid, stat.written_zxid), (1, 2));
        assert_eq!((stat.created_ms, stat.written_ms), (3, 4));
        assert_eq!((stat.version, stat.owner_session), (5, 8));
        assert!(Stat::read(&mut Reader::new(&writer.0[..67])).is_err());
    }
}
