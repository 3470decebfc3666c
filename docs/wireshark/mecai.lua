-- MECAI in Wireshark: the TLS extensions `voucher` and `voucher_request`, and what vouchers say.
--
-- docs/spec/5-tls.md has the octets of the extensions, docs/spec/3-voucher.md and mecai.asn1 those of vouchers. Wireshark's
-- own dissectors do the rest: TLS finds and decrypts the extensions, CMS takes a voucher apart and calls this one for its
-- content. Octets that are not as they should be are shown and marked, and never stop the dissection.

local VOUCHER, VOUCHER_REQUEST = 0xff4d, 0xff4e
local ID_CT_VOUCHER_INFO = "1.3.6.1.4.1.32473.4.1.1"
local AUTHORITY_OCTETS, HASH_OCTETS = 8, 32

local mecai = Proto("mecai", "MECAI Voucher Stapling")
local info = Proto("mecai_info", "MECAI VoucherInfo")

local f = {
  request = ProtoField.none("mecai.request", "voucher_request"),
  request_version = ProtoField.uint8("mecai.request.version", "Version"),
  quorum = ProtoField.uint8("mecai.request.quorum", "Quorum"),
  candidate = ProtoField.bytes("mecai.request.candidate", "Candidate"),
  wanted_context = ProtoField.string("mecai.request.context", "Context"),
  cached = ProtoField.bytes("mecai.request.cached", "Cached voucher hash"),
  asked = ProtoField.none("mecai.asked", "voucher (empty: the client asks)"),
  answer = ProtoField.none("mecai.answer", "voucher"),
  voucher = ProtoField.none("mecai.voucher", "Voucher"),
}
local g = {
  version = ProtoField.uint32("mecai.info.version", "Version"),
  authority = ProtoField.bytes("mecai.info.authority", "Authority"),
  serial = ProtoField.bytes("mecai.info.serial", "Serial number"),
  certificate = ProtoField.bytes("mecai.info.certificate", "Certificate hash"),
  intermediates = ProtoField.none("mecai.info.intermediates", "Intermediate hashes"),
  intermediate = ProtoField.bytes("mecai.info.intermediate", "Intermediate hash"),
  addresses = ProtoField.none("mecai.info.addresses", "Addresses"),
  ipv4 = ProtoField.ipv4("mecai.info.ipv4", "Address"),
  ipv6 = ProtoField.ipv6("mecai.info.ipv6", "Address"),
  port = ProtoField.uint32("mecai.info.port", "Probed port"),
  this_update = ProtoField.string("mecai.info.this_update", "From"),
  next_update = ProtoField.string("mecai.info.next_update", "Until"),
  contexts = ProtoField.none("mecai.info.contexts", "Trust contexts"),
  context = ProtoField.string("mecai.info.context", "Trust context"),
  matched = ProtoField.bool("mecai.info.matched", "Intermediates matched"),
  perspectives = ProtoField.uint32("mecai.info.perspectives", "Perspectives"),
  evidences = ProtoField.none("mecai.info.evidences", "Status evidence"),
  evidence = ProtoField.none("mecai.info.evidence", "Evidence"),
  evidence_certificate = ProtoField.bytes("mecai.info.evidence.certificate", "Certificate hash"),
  evidence_method = ProtoField.uint32("mecai.info.evidence.method", "Method", base.DEC,
    {[0] = "ocsp", [1] = "crl", [2] = "shortLived"}),
  evidence_this = ProtoField.string("mecai.info.evidence.this_update", "From"),
  evidence_next = ProtoField.string("mecai.info.evidence.next_update", "Until"),
  evidence_hash = ProtoField.bytes("mecai.info.evidence.hash", "Evidence hash"),
  extensions = ProtoField.bytes("mecai.info.extensions", "Extensions"),
}
local malformed = ProtoExpert.new("mecai.malformed", "Not as the specification says", expert.group.MALFORMED,
  expert.severity.ERROR)
local info_malformed = ProtoExpert.new("mecai.info.malformed", "Not as the specification says", expert.group.MALFORMED,
  expert.severity.ERROR)

local function values(fields)
  local list = {}
  for _, field in pairs(fields) do list[#list + 1] = field end
  return list
end
mecai.fields, mecai.experts = values(f), {malformed}
info.fields, info.experts = values(g), {info_malformed}

-- Vectors of the TLS presentation language. --------------------------------------------------------------------------

-- Takes a vector off a range, at `offset`, its length in `octets` octets before it.
-- Returns its contents (nil when empty) and the offset behind it; only nil where the range ends before that.
local function vector(range, offset, octets)
  if offset + octets > range:len() then return nil, nil end
  local length = range(offset, octets):uint()
  local first = offset + octets
  if first + length > range:len() then return nil, nil end
  return length > 0 and range(first, length) or nil, first + length
end

-- Adds each item of a vector of items that are `size` octets long.
local function add_items(tree, field, range, size)
  local length = range and range:len() or 0
  for offset = 0, length - size, size do tree:add(field, range(offset, size)) end
  return length % size == 0
end

local function add_contexts(tree, range)
  local offset = 0
  while range and offset < range:len() do
    local context, behind = vector(range, offset, 1)
    if not behind or not context then return false end
    tree:add(f.wanted_context, context)
    offset = behind
  end
  return true
end

-- Returns what is wrong with a voucher_request, nil where nothing is.
local function dissect_request(tree, range)
  if range:len() < 2 then return "it ends before its quorum" end
  tree:add(f.request_version, range(0, 1))
  tree:add(f.quorum, range(1, 1))
  if range(0, 1):uint() ~= 1 then return "its version is not 1" end
  local candidates, behind = vector(range, 2, 1)
  if not behind then return "it ends before its candidates do" end
  if not add_items(tree, f.candidate, candidates, AUTHORITY_OCTETS) then return "its candidates have another length" end
  local count, quorum = candidates and candidates:len() / AUTHORITY_OCTETS or 0, range(1, 1):uint()
  if quorum < 1 or quorum > count then tree:add_proto_expert_info(malformed, "the quorum is not 1 to the number of candidates") end
  local contexts
  contexts, behind = vector(range, behind, 1)
  if not behind then return "it ends before its contexts do" end
  if not add_contexts(tree, contexts) then return "a context ends before it should, or is empty" end
  local cached
  cached, behind = vector(range, behind, 2)
  if not behind then return "it ends before its cached hashes do" end
  if not add_items(tree, f.cached, cached, HASH_OCTETS) then return "its cached hashes have another length" end
  if behind ~= range:len() then return "octets follow" end
end

local cms = DissectorTable.get("media_type"):get_dissector("application/pkcs7-mime")

-- Returns what is wrong with an answer, nil where nothing is.
local function dissect_answer(tree, range, pinfo)
  local vouchers, behind = vector(range, 0, 2)
  if not behind then return "it ends before its vouchers do" end
  local offset, number = 0, 0
  while vouchers and offset < vouchers:len() do
    local voucher, next_one = vector(vouchers, offset, 2)
    if not next_one or not voucher then return "a voucher ends before it should, or is empty" end
    number = number + 1
    local item = tree:add(f.voucher, voucher)
    item:set_text(string.format("Voucher %d, %d octets", number, voucher:len()))
    -- It raises where the octets are none of CMS, and what follows shall be shown all the same.
    if not pcall(cms.call, cms, voucher:tvb(), pinfo, item) then item:add_proto_expert_info(malformed, "it is no CMS") end
    offset = next_one
  end
  if number == 0 then tree:append_text(" (none: use those that you have)") end
  if behind ~= range:len() then return "octets follow" end
end

-- The extensions, wherever Wireshark's TLS found one. -------------------------------------------------------------------

local types, contents = Field.new("tls.handshake.extension.type"), Field.new("tls.handshake.extension.data")
local handshakes = Field.new("tls.handshake.type")

local function one_extension(tree, kind, content, pinfo)
  local range = content.len > 0 and content.range or nil
  local item, fault
  if kind == VOUCHER and not range then
    tree:add(f.asked)
    return
  elseif kind == VOUCHER then
    item = tree:add(f.answer, range)
    fault = dissect_answer(item, range, pinfo)
  else
    item = range and tree:add(f.request, range) or tree:add(f.request)
    fault = range and dissect_request(item, range) or not range and "it is empty" or nil
  end
  if fault then item:add_proto_expert_info(malformed, fault) end
end

function mecai.dissector(_, pinfo, root)
  if not handshakes() then return end
  -- Types and contents both come in the order of the packet; an unknown extension's content follows its type and length.
  local found = {contents()}
  local tree
  for _, kind in ipairs({types()}) do
    if kind.value == VOUCHER or kind.value == VOUCHER_REQUEST then
      for _, content in ipairs(found) do
        if content.offset == kind.offset + 4 and content.source == kind.source then
          tree = tree or root:add(mecai)
          one_extension(tree, kind.value, content, pinfo)
          break
        end
      end
    end
  end
end

register_postdissector(mecai)

-- VoucherInfo, in DER. ----------------------------------------------------------------------------------------------------

local BOOLEAN, INTEGER, OCTETS, ENUMERATED, PRINTABLE, TIME, SEQUENCE = 0x01, 0x02, 0x04, 0x0a, 0x13, 0x18, 0x30
local EXTENSIONS = 0xa0

-- A reader of the elements in a range, one after the other; `range` may be nil: nothing is in it.
local function reader(range) return {range = range, offset = 0} end

local function ended(from) return not from.range or from.offset >= from.range:len() end

local function tag(from) return not ended(from) and from.range(from.offset, 1):uint() or nil end

-- Takes one element of this tag; returns its contents (nil when empty) and true, or false where there is none such.
local function take(from, wanted)
  local range, offset = from.range, from.offset
  if tag(from) ~= wanted or offset + 2 > range:len() then return nil, false end
  local length, first = range(offset + 1, 1):uint(), offset + 2
  if length >= 0x80 then
    local octets = length - 0x80
    if octets < 1 or octets > 3 or first + octets > range:len() then return nil, false end
    length, first = range(first, octets):uint(), first + octets
  end
  if first + length > range:len() then return nil, false end
  from.offset = first + length
  return length > 0 and range(first, length) or nil, true
end

local MOST_OCTETS = {[INTEGER] = 4, [ENUMERATED] = 4, [BOOLEAN] = 1}

-- Adds one element as a field; false where it is not there, or has no octets, or more than its number may.
local function add(tree, field, from, wanted, most)
  local contents, there = take(from, wanted)
  if not there or not contents or contents:len() > (most or MOST_OCTETS[wanted] or contents:len()) then return false end
  tree:add(field, contents)
  return true
end

-- Adds a SEQUENCE OF, `one` adding each of its elements; false at the first that is not as it should be.
local function add_all(tree, field, from, one)
  local contents, there = take(from, SEQUENCE)
  if not there then return false end
  local list = contents and tree:add(field, contents) or tree:add(field)
  local inside, count = reader(contents), 0
  while not ended(inside) do
    if not one(list, inside) then return false end
    count = count + 1
  end
  list:append_text(string.format(": %d", count))
  return true
end

local function add_address(tree, from)
  local address, there = take(from, OCTETS)
  local field = address and ({[4] = g.ipv4, [16] = g.ipv6})[address:len()]
  if not there or not field then return false end
  tree:add(field, address)
  return true
end

local function add_evidence(tree, from)
  local contents, there = take(from, SEQUENCE)
  if not there or not contents then return false end
  local item, inside = tree:add(g.evidence, contents), reader(contents)
  return add(item, g.evidence_certificate, inside, OCTETS) and add(item, g.evidence_method, inside, ENUMERATED)
    and add(item, g.evidence_this, inside, TIME) and add(item, g.evidence_next, inside, TIME)
    and (ended(inside) or add(item, g.evidence_hash, inside, OCTETS)) and ended(inside)
end

-- What a VoucherInfo has, in its order: a name for faults, and what adds it.
local function plain(field, wanted) return function(tree, from) return add(tree, field, from, wanted) end end
local function list(field, one) return function(tree, from) return add_all(tree, field, from, one) end end
local PARTS = {
  {"version", plain(g.version, INTEGER)},
  {"authority", plain(g.authority, OCTETS)},
  {"serialNumber", function(tree, from) return add(tree, g.serial, from, INTEGER, 17) end},
  {"certificateHash", plain(g.certificate, OCTETS)},
  {"intermediateHashes", list(g.intermediates, plain(g.intermediate, OCTETS))},
  {"addresses", list(g.addresses, add_address)},
  {"probedPort", plain(g.port, INTEGER)},
  {"thisUpdate", plain(g.this_update, TIME)},
  {"nextUpdate", plain(g.next_update, TIME)},
  {"trustContexts", list(g.contexts, plain(g.context, PRINTABLE))},
  {"intermediatesMatched", plain(g.matched, BOOLEAN)},
  {"perspectives", plain(g.perspectives, INTEGER)},
  {"statusEvidence", list(g.evidences, add_evidence)},
}

-- Returns what is wrong with a VoucherInfo, nil where nothing is.
local function dissect_info(tree, from)
  for _, part in ipairs(PARTS) do
    if not part[2](tree, from) then return part[1] .. " is not as it should be" end
  end
  if tag(from) == EXTENSIONS and not add(tree, g.extensions, from, EXTENSIONS) then return "extensions are not as they should be" end
  if not ended(from) then return "octets follow" end
end

function info.dissector(buffer, _, root)
  local tree = root:add(info, buffer())
  local outer = reader(buffer:range())
  local contents, there = take(outer, SEQUENCE)
  local fault = not there and "it is no SEQUENCE" or dissect_info(tree, reader(contents)) or not ended(outer) and "octets follow"
  if fault then tree:add_proto_expert_info(info_malformed, fault) end
  return buffer:len()
end

DissectorTable.get("ber.oid"):add(ID_CT_VOUCHER_INFO, info)
