import collections, sys
sys.path.insert(0,'/work/main')
import tests.test_state_machine as t
C=collections.Counter()
orig=t.Keydesk.agrees
def agrees(self,a,refusals,done):
    C[(done,a.outcome)]+=1
    return orig(self,a,refusals,done)
t.Keydesk.agrees=agrees
import tests.model as m
ov=m.Model.verdict
t_verify=t.Keydesk.verify
def verdict(self,key,secret,h):
    v=ov(self,key,secret,h); C[('verdict',h is not None,v)]+=1; return v
m.Model.verdict=verdict
otd=t.Keydesk.teardown
def td(self):
    C['examples']+=1; C['keys']+=len(self.model.keys); C['secrets']+=sum(len(k.secrets) for k in self.model.keys)
    for k in self.model.keys:
        if k.agent and k.is_deleted: C['agent tombstones']+=1
    otd(self)
t.Keydesk.teardown=td
for n in dir(t.Keydesk):
    f=getattr(t.Keydesk,n)
    if hasattr(f,'hypothesis_stateful_rule') or n in ('x',):
        pass
def test(databases):
    t.test_whatever_happens_in_whatever_order_keys_do_what_is_promised(databases)
    for k,v in sorted(C.items(),key=str): print(k,v)
